import pino from 'pino';
import t, { type Test } from 'tap';
import { waitFor } from '../../../hack/lab/wait.ts';
import { DesiredState } from '../../../src/edge-runner/sync/desired-state.ts';
import { SyncClient } from '../../../src/edge-runner/sync/sync-client.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { digestOf } from '../../../src/protocol/digest.ts';
import { parseMessage } from '../../../src/protocol/parse.ts';
import { runnerStreamHead } from '../../../src/protocol/stream-head.ts';
import { type DesiredObject, desiredKinds, firstKinds } from '../../../src/protocol/sync.ts';
import type { DesiredSources } from '../../../src/provider/desired/desired-site.ts';
import type { ObjectSource } from '../../../src/provider/desired/object-source.ts';
import { takenKinds } from '../../../src/provider/desired/taken-kinds.ts';
import { PodIndex } from '../../../src/provider/pod/pod-index.ts';
import { SiteStreams } from '../../../src/provider/site/site-streams.ts';
import { FrameReader, writeFrame } from '../../../src/tunnel/json-frame.ts';
import { Session } from '../../../src/tunnel/session.ts';
import { FakeStore } from '../edge-runner/report/fake-store.ts';
import { ProviderEnd, type ProviderStream } from '../edge-runner/provider-end.ts';
import { CacheFake, podOf } from '../provider/desired/desired-fixture.ts';
import { memoryPair } from '../tunnel/memory-carrier.ts';

/** What runners took before they said what they take: written out, for it must never change. */
const kindsOfOld = ['Pod', 'ConfigMap', 'Secret', 'ServiceLinks', 'RuntimeClass', 'Node'];

/** A pod that names an object of every kind that those runners took. */
const pod = podOf('web', {
  runtimeClassName: 'kata',
  nodeSelector: { zone: 'a' },
  volumes: [
    { name: 'c', configMap: { name: 'conf' } },
    { name: 's', secret: { secretName: 'key' } },
  ],
});

function sourceOf(kind: string): ObjectSource {
  return {
    hold: (namespace, name) => ({
      known: { kind: 'present', object: someObject(kind, namespace, name) },
      refresh: () => Promise.resolve(),
      release: () => undefined,
    }),
  };
}

function someObject(kind: string, namespace: string, name: string): DesiredObject {
  return {
    kind,
    namespace,
    name,
    uid: `${name}-uid`,
    version: '1',
    object: { metadata: { name } },
  };
}

/** The provider of today, and the session of a runner to it. */
function provider(t: Test, pods: readonly Pod[]): Session {
  const cache = new CacheFake<Pod>();
  for (const pod of pods) cache.set(pod);
  const streams = new SiteStreams({
    pods: new PodIndex(cache),
    sources: Object.fromEntries(
      desiredKinds.map((kind) => [kind, sourceOf(kind)]),
    ) as unknown as DesiredSources,
    nodeExists: () => Promise.resolve(true),
    reports: () => t.fail('nothing is reported') as never,
    onOversized: ({ name }) => t.fail(name),
    log: pino({ level: 'silent' }),
  });
  const [near, far] = memoryPair();
  const server = new Session(far, {
    role: 'server',
    onStream: (stream) => {
      const reader = new FrameReader(stream, 65_536);
      const serve = async (): Promise<void> => {
        const head = parseMessage(runnerStreamHead, await reader.read());
        reader.release();
        await streams.serve('site.tenant', stream, head);
      };
      serve().catch(() => stream.destroy());
    },
  });
  const client = new Session(near, { role: 'client', onStream: () => undefined });
  t.teardown(() => {
    client.close();
    server.close();
  });
  return client;
}

interface OldExchange {
  head?: object;
  held?: readonly DesiredObject[];
}

/** Speaks for a runner as far as the first delta, and gives that. */
async function firstDelta(
  session: Session,
  { head = {}, held = [] }: OldExchange,
): Promise<Record<'put' | 'remove', DesiredObject[]> & { digest: string }> {
  const stream = session.open('control');
  const reader = new FrameReader(stream, 1024 * 1024);
  await writeFrame(stream, { type: 'sync', protocolVersion: 1, runnerVersion: '0', ...head });
  await writeFrame(stream, { type: 'state', digest: 'other' });
  await reader.read();
  await writeFrame(stream, { type: 'held', objects: held });
  const delta = (await reader.read()) as Awaited<ReturnType<typeof firstDelta>>;
  stream.destroy();
  return delta;
}

function kindsOf(objects: readonly DesiredObject[]): string[] {
  return [...new Set(objects.map(({ kind }) => kind))].sort();
}

void t.test('what a runner takes that says nothing never changes', (t) => {
  t.same(firstKinds, kindsOfOld);
  t.same([...takenKinds(undefined)], kindsOfOld);
  t.same([...takenKinds([...desiredKinds, 'FromTheFuture'])], desiredKinds, 'of two, the common');
  t.end();
});

void t.test('a runner that says nothing gets the kinds of old', async (t) => {
  const { put } = await firstDelta(provider(t, [pod]), {});
  t.same(kindsOf(put), kindsOfOld.toSorted());
});

void t.test('a runner gets its pods also where it takes one kind less', async (t) => {
  for (const missing of kindsOfOld.slice(1)) {
    const kinds = kindsOfOld.filter((kind) => kind !== missing);
    const { put, digest } = await firstDelta(provider(t, [pod]), { head: { kinds } });
    t.same(kindsOf(put), kinds.toSorted(), `without ${missing}`);
    t.equal(digest, digestOf(put), 'of what it holds then');
  }
});

void t.test(
  'a provider leaves alone what it does not know, and what it may not send',
  async (t) => {
    const later = someObject('FromTheFuture', 'n', 'x');
    const held = [later, someObject('Secret', 'n', 'old'), someObject('ConfigMap', 'n', 'old')];
    const head = { kinds: ['Pod', 'ConfigMap', 'FromTheFuture'] };
    const { put, remove, digest } = await firstDelta(provider(t, []), { head, held });
    t.same(put, []);
    t.same(remove, [{ kind: 'ConfigMap', namespace: 'n', name: 'old' }]);
    t.equal(digest, digestOf(held.slice(0, 2)));
  },
);

void t.test(
  'how a pod ended comes along, and a runner that does not know it agrees all the same',
  async (t) => {
    const over = { ...podOf('job'), status: { phase: 'Succeeded' as const } };
    const { put, digest } = await firstDelta(provider(t, [over]), {});
    const sent = put.find(({ kind }) => kind === 'Pod');
    t.match(sent?.object, { status: { phase: 'Succeeded' } });
    t.equal(digest, digestOf(put), 'for the digest is of versions');
    const running = await firstDelta(provider(t, [podOf('job')]), {});
    t.equal(running.put.find(({ kind }) => kind === 'Pod')?.version, sent?.version);
  },
);

void t.test('today’s runner and provider agree on all kinds', async (t) => {
  const state = new DesiredState(new FakeStore());
  const stop = new AbortController();
  let isInSync = false;
  const client = new SyncClient({
    ...{ state, runnerVersion: 'test', onChange: () => undefined, ending: () => [] },
    onInSync: () => (isInSync = true),
  });
  const running = client.run(provider(t, [pod]), stop.signal).catch(() => undefined);
  await waitFor(() => isInSync, { what: 'the first delta', timeoutMs: 10_000 });
  t.same([...new Set(state.held().map(({ kind }) => kind))].sort(), [...kindsOfOld].sort());
  stop.abort();
  await running;
});

void t.test('a provider from before a kind was known serves a runner that takes it', async (t) => {
  const end = new ProviderEnd();
  const stop = new AbortController();
  const state = new DesiredState(new FakeStore());
  const client = new SyncClient({
    ...{ state, runnerVersion: 'test', onChange: () => undefined, onInSync: () => undefined },
    ending: () => [],
  });
  const running = client.run(end.session, stop.signal).catch(() => undefined);
  const stream: ProviderStream = await end.accept();
  await stream.read();
  const put = [someObject('Pod', 'n', 'web')];
  const delta = { type: 'delta', put, remove: [], more: false, digest: digestOf(put) };
  await stream.send({ ...delta, unheardOf: { of: ['anybody'] } });
  t.match(await stream.read(), { type: 'ack', digest: digestOf(put) });
  stop.abort();
  await running;
  end.close();
});
