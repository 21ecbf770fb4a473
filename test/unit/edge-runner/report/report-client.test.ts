import t, { type Test } from 'tap';
import { maxReportsInFlight } from '../../../../src/edge-runner/report/limits.ts';
import { Outbox } from '../../../../src/edge-runner/report/outbox.ts';
import { ReportClient } from '../../../../src/edge-runner/report/report-client.ts';
import { objectVersion, staticPodsDigest } from '../../../../src/protocol/digest.ts';
import type { NodeReport, PodReport, StaticPodReport } from '../../../../src/protocol/report.ts';
import { ProviderEnd, type ProviderStream } from '../provider-end.ts';
import { FakeStore } from './fake-store.ts';

const node = { hostname: 'device' } as unknown as NodeReport;

class Bench {
  readonly outbox = new Outbox(new FakeStore(), {
    error: () => undefined,
    info: () => undefined,
  });
  connected = 0;
  statics: StaticPodReport[] = [];
  readonly client = new ReportClient({
    outbox: this.outbox,
    nodeReport: () => node,
    staticPods: () => this.statics,
    onConnected: () => (this.connected += 1),
  });
  readonly stop = new AbortController();

  constructor(t: Test) {
    t.teardown(() => {
      this.stop.abort();
      this.outbox.close();
    });
  }

  /** A connection whose provider has said hello. */
  async connect(
    t: Test,
    full = false,
    staticPods?: string,
  ): Promise<{ stream: ProviderStream; ended: Promise<unknown> }> {
    const provider = new ProviderEnd();
    t.teardown(() => {
      provider.close();
    });
    const run = this.client.run(provider.session, this.stop.signal);
    const ended = run.catch((error: unknown) => error);
    const stream = await provider.accept();
    await stream.send({ type: 'begin', full, ...(staticPods === undefined ? {} : { staticPods }) });
    t.match(await stream.read(), { type: 'node', node });
    return { stream, ended };
  }
}

function report(uid: string, phase = 'Running'): PodReport {
  return { uid, name: uid, namespace: 'berlin', gone: false, status: { phase } };
}

void t.test('reports go when there is a link, and are acknowledged', async (t) => {
  const bench = new Bench(t);
  bench.outbox.publish(report('a'));
  const { stream } = await bench.connect(t);
  t.equal(bench.connected, 1);
  const message = await stream.read();
  t.match(message, { type: 'pods', pods: [{ uid: 'a' }] });
  await stream.send({ type: 'ack', id: message['id'] });
  bench.outbox.publish(report('b'));
  t.match(await stream.read(), { type: 'pods', pods: [{ uid: 'b' }] });
});

void t.test('what was not acknowledged goes again on the next connection', async (t) => {
  const bench = new Bench(t);
  bench.outbox.publish(report('a', 'Pending'));
  const first = await bench.connect(t);
  await first.stream.read();
  bench.outbox.publish(report('a', 'Running'));
  first.stream.destroy();
  await first.ended;
  const second = await bench.connect(t);
  t.match(await second.stream.read(), { pods: [{ uid: 'a', status: { phase: 'Running' } }] });
});

void t.test('a provider that knows nothing gets everything', async (t) => {
  const bench = new Bench(t);
  bench.outbox.publish(report('a'));
  bench.outbox.acknowledge(bench.outbox.take());
  const { stream } = await bench.connect(t, true);
  t.match(await stream.read(), { pods: [{ uid: 'a' }] });
});

void t.test('a provider that knows the device isn’t told of it again', async (t) => {
  const bench = new Bench(t);
  const connect = async (version: string): Promise<ProviderStream> => {
    const provider = new ProviderEnd();
    t.teardown(() => {
      provider.close();
    });
    bench.client.run(provider.session, bench.stop.signal).catch(() => undefined);
    const stream = await provider.accept();
    await stream.send({ type: 'begin', full: false, node: version });
    return stream;
  };
  bench.outbox.publish(report('a'));
  const same = await connect(objectVersion(node));
  const message = await same.read();
  t.match(message, { type: 'pods' });
  await same.send({ type: 'ack', id: message['id'] });
  bench.client.nodeChanged();
  t.match(await same.read(), { type: 'node', node }, 'but of a change');
  const other = await connect(objectVersion({ ...node, hostname: 'other' }));
  t.match(await other.read(), { type: 'node', node });
});

void t.test('only so many messages are on their way at a time', async (t) => {
  const bench = new Bench(t);
  const uids = Array.from({ length: 50 * (maxReportsInFlight + 2) }, (_, n) => `pod-${n}`);
  for (const uid of uids) bench.outbox.publish(report(uid));
  const { stream } = await bench.connect(t);
  const ids: unknown[] = [];
  for (let n = 0; n < maxReportsInFlight; n += 1) ids.push((await stream.read())['id']);
  t.equal(bench.outbox.take(1).pods.length, 1, 'the rest is still in the outbox');
  await stream.send({ type: 'ack', id: ids[0] });
  t.match(await stream.read(), { type: 'pods' });
});

void t.test('tokens are asked for, given, refused, or lost with the link', async (t) => {
  const bench = new Bench(t);
  const pod = { metadata: { name: 'a', namespace: 'berlin', uid: 'a' }, spec: { containers: [] } };
  const ask = (): Promise<unknown> => bench.client.requestToken(pod, { path: 't', audience: 'x' });
  await t.rejects(ask(), { code: 'CLOUD_UNREACHABLE' });
  const { stream, ended } = await bench.connect(t);
  const given = ask();
  const wish = await stream.read();
  t.match(wish, { type: 'token-request', serviceAccount: 'default', audiences: ['x'] });
  const answer = { token: 'secret', expirationTimestamp: '2026-01-01T00:00:00Z' };
  await stream.send({ type: 'token', id: wish['id'], ...answer });
  t.match(await given, answer);
  const refused = ask();
  const { id } = await stream.read();
  await stream.send({ type: 'refused', id, message: 'no such account', retryable: false });
  await t.rejects(refused, { code: 'CLOUD_REFUSED', message: 'no such account' });
  const lost = ask();
  await stream.read();
  stream.destroy();
  await t.rejects(lost, { code: 'CLOUD_UNREACHABLE' });
  await ended;
});

void t.test('an old connection that ends late does not take the new one with it', async (t) => {
  const bench = new Bench(t);
  const old = await bench.connect(t);
  const next = await bench.connect(t);
  old.stream.destroy();
  await old.ended;
  bench.outbox.publish(report('a'));
  t.match(await next.stream.read(), { pods: [{ uid: 'a' }] });
  bench.client.nodeChanged();
  t.match(await next.stream.read(), { type: 'node' });
});

void t.test(
  'static pods are told before their statuses, and only where they are new',
  async (t) => {
    const bench = new Bench(t);
    const pod = { namespace: 'berlin', name: 'web-n', uid: 'a'.repeat(32), seen: '' };
    bench.statics = [pod];
    bench.outbox.publish(report('a'));
    const first = await bench.connect(t, false, 'unknown');
    const told = await first.stream.read();
    t.match(told, { type: 'static-pods', pods: [pod] });
    t.match(await first.stream.read(), { type: 'pods' });
    first.stream.destroy();
    await first.ended;

    const second = await bench.connect(t, false, staticPodsDigest([pod]));
    t.match(await second.stream.read(), { type: 'pods' }, 'the provider has them already');
    bench.client.staticPodsChanged();
    bench.statics = [];
    bench.client.staticPodsChanged();
    t.match(
      await second.stream.read(),
      { type: 'static-pods', pods: [] },
      'said once, when it is so',
    );
    second.stream.destroy();
    await second.ended;

    bench.statics = [pod];
    const third = await bench.connect(t);
    t.match(await third.stream.read(), { type: 'pods' }, 'an older provider is not told');
  },
);

void t.test('a device without static pods says so once, and not again', async (t) => {
  const bench = new Bench(t);
  const first = await bench.connect(t, false, 'unknown');
  t.match(await first.stream.read(), { type: 'static-pods', pods: [] });
  first.stream.destroy();
  await first.ended;
  const second = await bench.connect(t, false, staticPodsDigest([]));
  bench.outbox.publish(report('a'));
  t.match(await second.stream.read(), { type: 'pods' });
});
