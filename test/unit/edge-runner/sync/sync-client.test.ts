import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { DesiredState } from '../../../../src/edge-runner/sync/desired-state.ts';
import { SyncClient } from '../../../../src/edge-runner/sync/sync-client.ts';
import { digestOf } from '../../../../src/protocol/digest.ts';
import { type DesiredObject, desiredKinds } from '../../../../src/protocol/sync.ts';
import { ProviderEnd, type ProviderStream } from '../provider-end.ts';
import { FakeStore } from '../report/fake-store.ts';

interface Bench {
  store: FakeStore;
  state: DesiredState;
  changes: string[][];
  /** The provider's end of the stream, after the runner has told its state. */
  stream: ProviderStream;
  told: Record<string, unknown>;
  ended: Promise<unknown>;
  stop: AbortController;
  client: SyncClient;
}

async function bench(
  t: Test,
  ending: () => readonly string[] | undefined = () => undefined,
): Promise<Bench> {
  const store = new FakeStore();
  const state = new DesiredState(store);
  const changes: string[][] = [];
  const provider = new ProviderEnd();
  const stop = new AbortController();
  t.teardown(() => {
    stop.abort();
    provider.close();
  });
  const client = new SyncClient({
    ...{ state, runnerVersion: 'test', ending, onInSync: () => changes.push(['in sync']) },
    onChange: (touched) => changes.push(touched.map(({ name }) => name)),
  });
  const ended = client.run(provider.session, stop.signal).catch((error: unknown) => error);
  const stream = await provider.accept();
  return { store, state, changes, stream, told: await stream.read(), ended, stop, client };
}

function pod(name: string): DesiredObject {
  const identity = { kind: 'Pod', namespace: 'berlin', name, uid: `uid-${name}` } as const;
  return { ...identity, version: '1', object: { metadata: { name } } };
}

function delta(put: DesiredObject[], all: DesiredObject[], more = false): object {
  return { type: 'delta', put, remove: [], more, digest: digestOf(all) };
}

void t.test('a delta is on disk, acknowledged and acted upon', async (t) => {
  const { store, state, changes, stream, told } = await bench(t);
  t.same(told, { type: 'state', digest: digestOf([]) });
  await stream.send({ type: 'list' });
  t.same(await stream.read(), { type: 'held', objects: [] });
  await stream.send(delta([pod('a')], [pod('a')]));
  t.same(await stream.read(), { type: 'ack', digest: digestOf([pod('a')]) });
  t.equal(store.put.size, 1);
  t.same(changes, [['a'], ['in sync']]);
  t.equal(state.pods().length, 1);
});

void t.test('a delta in several messages is committed once, as a whole', async (t) => {
  const { store, changes, stream } = await bench(t);
  const all = [pod('a'), pod('b')];
  await stream.send(delta([pod('a')], all, true));
  await stream.send({ type: 'list' });
  t.same(await stream.read(), { type: 'held', objects: [] });
  t.equal(store.writes, 0);
  await stream.send(delta([pod('b')], all));
  t.match(await stream.read(), { type: 'ack' });
  t.equal(store.writes, 1);
  t.same(changes[0], ['a', 'b']);
});

void t.test('a kind that this runner does not know is held, and stops nothing', async (t) => {
  const { store, state, changes, stream } = await bench(t);
  t.same(stream.head['kinds'], desiredKinds);
  const later = { ...pod('later'), kind: 'FromTheFuture' };
  await stream.send(delta([later, pod('a')], [later, pod('a')]));
  t.match(await stream.read(), { type: 'ack', digest: digestOf([later, pod('a')]) });
  t.same(changes[0], ['later', 'a']);
  t.equal(state.pods().length, 1);
  t.equal(new DesiredState(store).held().length, 2, 'it is on disk');
  const remove = [{ kind: 'FromTheFuture', namespace: 'berlin', name: 'later' }];
  await stream.send({ ...delta([], [pod('a')]), remove });
  t.match(await stream.read(), { type: 'ack', digest: digestOf([pod('a')]) });
});

void t.test('a kind that would blur the digest is refused', async (t) => {
  const { stream, ended } = await bench(t);
  const blurred = { ...pod('a'), kind: 'Pod/berlin' };
  await stream.send(delta([blurred], [blurred]));
  t.match(await ended, { code: 'INVALID_MESSAGE' });
});

void t.test('a partial delta is not taken for everything', async (t) => {
  const { state, store, stream } = await bench(t);
  await stream.send({ ...delta([pod('a')], [pod('a')]), partial: true });
  t.match(await stream.read(), { type: 'ack' });
  t.notOk(state.isComplete);
  t.equal(state.pods().length, 1);
  await stream.send(delta([pod('b')], [pod('a'), pod('b')]));
  t.match(await stream.read(), { type: 'ack' });
  t.ok(state.isComplete);
  t.ok(store.hasHeardAll);
});

void t.test('a provider that has nothing to send has told everything', async (t) => {
  const { state, changes, stream } = await bench(t);
  await stream.send({ type: 'in-sync' });
  await waitFor(() => changes.length === 2, { what: 'the change', timeoutMs: 2_000 });
  t.same(changes, [[], ['in sync']]);
  t.ok(state.isComplete);
});

void t.test('nothing is acknowledged that the disk has not taken', async (t) => {
  const { store, state, changes, stream, ended } = await bench(t);
  store.isFull = true;
  await stream.send(delta([pod('a')], [pod('a')]));
  t.match(await ended, { code: 'STORE_FAILED' });
  await t.rejects(stream.read(), 'the stream is reset');
  t.same(changes, []);
  t.same(state.pods(), []);
});

void t.test(
  'what is on disk is acted upon even when the link breaks before the answer',
  async (t) => {
    const { changes, stream, stop, store } = await bench(t);
    await stream.send(delta([pod('a')], [pod('a')]));
    await waitFor(() => store.writes === 1, { what: 'the write', timeoutMs: 2_000, intervalMs: 1 });
    stream.destroy();
    stop.abort();
    t.same(changes[0], ['a']);
  },
);

void t.test('a delta that leads elsewhere ends the exchange', async (t) => {
  const { stream, ended, store } = await bench(t);
  await stream.send(delta([pod('a')], []));
  t.match(await ended, { code: 'INVALID_MESSAGE' });
  t.equal(store.writes, 0);
});

const canary = 'correct-horse-battery-staple';

void t.test('which pods still end is told with the state, and when it changes', async (t) => {
  let ending = ['b', 'a'];
  const { stream, told, client } = await bench(t, () => ending);
  t.same(told, { type: 'state', digest: digestOf([]), ending: ['a', 'b'] });
  ending = ['b'];
  client.endingChanged();
  await stream.send({ type: 'list', ending: true });
  t.match(await stream.read(), { type: 'held' }, 'but not before the first delta');
  ending = [];
  await stream.send(delta([pod('a')], [pod('a')]));
  t.same(await stream.read(), { type: 'ack', digest: digestOf([pod('a')]), ending: [] });
  client.endingChanged();
  ending = ['c'];
  client.endingChanged();
  t.same(await stream.read(), { type: 'ending', pods: ['c'] }, 'only what has changed');
  ending = [];
  client.endingChanged();
  t.same(await stream.read(), { type: 'ending', pods: [] });
});

void t.test('a provider that does not take it hears of it with the state alone', async (t) => {
  let ending: string[] | undefined;
  const { stream, told, client } = await bench(t, () => ending);
  t.same(told, { type: 'state', digest: digestOf([]) }, 'where the runner knows it');
  await stream.send({ type: 'in-sync' });
  ending = ['x'];
  await stream.send(delta([pod('a')], [pod('a')]));
  t.same(await stream.read(), { type: 'ack', digest: digestOf([pod('a')]), ending: ['x'] });
  ending = [];
  client.endingChanged();
  await stream.send(delta([pod('b')], [pod('a'), pod('b')]));
  t.match(await stream.read(), { type: 'ack', ending: [] });
});

const failures: Record<string, (bench: Bench, secret: DesiredObject) => Promise<void>> = {
  'a full disk': async ({ store, stream }, secret) => {
    store.isFull = true;
    await stream.send(delta([secret], [secret]));
  },
  'a wrong digest': ({ stream }, secret) => stream.send(delta([secret], [])),
  'a malformed object': ({ stream }, secret) =>
    stream.send(delta([{ ...secret, object: canary } as unknown as DesiredObject], [])),
  'an unknown kind': ({ stream }, secret) =>
    stream.send(delta([{ ...secret, kind: 'Pod', uid: { canary } } as never], [])),
};

for (const [what, fail] of Object.entries(failures)) {
  void t.test(`${what} is told without what a Secret says`, async (t) => {
    const made = await bench(t);
    const object = { metadata: { name: 'db' }, data: { password: canary } };
    await fail(made, { ...pod('db'), kind: 'Secret', object });
    const error = await made.ended;
    t.ok(error instanceof Error);
    t.notMatch(inspect(error, { depth: 9 }), new RegExp(canary));
  });
}

void t.test(
  'after a patch that does not fit, the next exchange asks for everything whole',
  async (t) => {
    const provider = new ProviderEnd();
    const stop = new AbortController();
    t.teardown(() => {
      stop.abort();
      provider.close();
    });
    const client = new SyncClient({
      ...{ state: new DesiredState(new FakeStore()), runnerVersion: 'test' },
      ...{ onInSync: () => undefined, onChange: () => undefined, ending: () => undefined },
    });
    const heads: unknown[] = [];
    const exchange = async (message: object): Promise<unknown> => {
      const ended = client.run(provider.session, stop.signal).catch((error: unknown) => error);
      const stream = await provider.accept();
      heads.push(stream.head);
      await stream.read();
      await stream.send(message);
      if ('patch' in message) return ended;
      const answer = await stream.read();
      stream.destroy();
      await ended;
      return answer;
    };
    const patch = {
      kind: 'ConfigMap',
      namespace: 'n',
      name: 'a',
      uid: 'u',
      version: '2',
      from: '1',
    };
    const broken = { ...delta([], []), patch: [{ ...patch, patch: 'AAAA' }] };
    t.match(await exchange(broken), { code: 'PATCH_MISMATCH' });
    t.match(await exchange(delta([pod('a')], [pod('a')])), { type: 'ack' });
    t.match(await exchange(delta([pod('b')], [pod('a'), pod('b')])), { type: 'ack' });
    t.match(heads, [{ patches: true }, { patches: false }, { patches: true }]);
  },
);
