import { once } from 'node:events';
import pino from 'pino';
import t from 'tap';
import { SiteRegistry } from '../../../../src/provider/site/site-registry.ts';
import { SiteSession, type StreamServer } from '../../../../src/provider/site/site-session.ts';
import { firstFrame, inbound, streamPair, TunnelSessionFake } from './tunnel-session-fake.ts';

const log = pino({ level: 'silent' });
const node = 'berlin.prod';
const nothing: StreamServer = () => Promise.resolve();
const logs = {
  ...{ type: 'logs' as const, namespace: 'n', pod: 'p', container: 'c' },
  ...{ follow: false, previous: false, timestamps: false },
};

function scene(graceMs = 60_000): { registry: SiteRegistry; told: string[] } {
  const registry = new SiteRegistry({ graceMs, log });
  const told: string[] = [];
  registry.subscribe((nodeName) => told.push(registry.linkState(nodeName)));
  return { registry, told };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

void t.test('a site is connected, away, then lost, and those who ask are told', async (t) => {
  const { registry, told } = scene(10);
  const session = new TunnelSessionFake();
  registry.connect(node, session, nothing);
  session.close();
  await until(() => told.length === 3);
  t.same(told, ['connected', 'away', 'lost']);
  t.ok(registry.lastSeenMs(node));
  registry.connect(node, new TunnelSessionFake(), nothing);
  t.equal(registry.linkState(node), 'connected');
  t.equal(registry.lastSeenMs(node), undefined);
});

void t.test('a site that is back in time is never lost', async (t) => {
  const { registry, told } = scene(30);
  const first = new TunnelSessionFake();
  registry.connect(node, first, nothing);
  first.close();
  await until(() => told.length === 2);
  registry.connect(node, new TunnelSessionFake(), nothing);
  await new Promise((resolve) => setTimeout(resolve, 60));
  t.same(told, ['connected', 'away', 'connected']);
});

void t.test('a second connection takes the place of the first, which is told why', async (t) => {
  const { registry, told } = scene();
  const first = new TunnelSessionFake();
  const second = new TunnelSessionFake();
  registry.connect(node, first, nothing);
  registry.connect(node, second, nothing);
  await first.closed;
  t.match(first.closeReason, { code: 'REPLACED' });
  t.equal(registry.linkState(node), 'connected');
  t.same(told, ['connected', 'connected']);
  registry.open(node, logs, 'bulk');
  t.equal(first.opened.length, 0);
  t.equal(second.opened.length, 1);
});

void t.test('the late end of a replaced connection harms nothing', async (t) => {
  const { registry } = scene();
  const first = new TunnelSessionFake();
  registry.connect(node, first, nothing);
  registry.connect(node, new TunnelSessionFake(), nothing);
  first.close();
  await first.closed;
  t.equal(registry.linkState(node), 'connected');
});

void t.test('a stream to a site begins with its head', async (t) => {
  const { registry } = scene();
  const session = new TunnelSessionFake();
  registry.connect(node, session, nothing);
  registry.open(node, logs, 'bulk');
  const [opened] = session.opened;
  t.equal(opened?.streamClass, 'bulk');
  t.same(opened && (await firstFrame(opened.far)), logs);
});

void t.test('a stream to a site that is not there is refused', (t) => {
  const { registry } = scene();
  t.throws(() => registry.open(node, logs, 'bulk'), { code: 'SITE_DISCONNECTED' });
  t.end();
});

void t.test('after a restart every site is away until the grace is over', async (t) => {
  const { registry, told } = scene(10);
  t.equal(registry.linkState(node), 'away');
  registry.start(() => [node]);
  await until(() => told.length === 1);
  t.same(told, ['lost']);
  await registry.stop(0);
});

void t.test('a stream of the runner is served by what its head says', async (t) => {
  const { registry } = scene();
  const served: string[] = [];
  const accept = registry.connect(node, new TunnelSessionFake(), (_stream, head) => {
    served.push(head.type);
    return Promise.resolve();
  });
  const [near] = await inbound({ type: 'report' });
  accept(near);
  await until(() => served.length === 1);
  t.same(served, ['report']);
  t.equal(near.streamClass, 'control');
});

void t.test('a stream with another head is reset, and the others go on', async (t) => {
  const { registry } = scene();
  let served = 0;
  const accept = registry.connect(node, new TunnelSessionFake(), () => {
    served += 1;
    return Promise.resolve();
  });
  const [bad] = await inbound({ type: 'exec' });
  const closed = once(bad, 'close');
  accept(bad);
  await closed;
  const [good] = await inbound({ type: 'report' });
  accept(good);
  await until(() => served === 1);
  t.equal(registry.linkState(node), 'connected');
});

void t.test('a second stream of a kind ends the first', async (t) => {
  const { registry } = scene();
  const accept = registry.connect(node, new TunnelSessionFake(), (stream) =>
    once(stream, 'close').then(() => undefined),
  );
  const [first] = await inbound({ type: 'report' });
  const [second] = await inbound({ type: 'report' });
  const ended = once(first, 'close');
  accept(first);
  await until(() => first.listenerCount('close') > 1);
  accept(second);
  await ended;
  t.equal(second.destroyed, false);
});

void t.test('a site that is forgotten is cut off without a word to anybody', async (t) => {
  const { registry, told } = scene();
  const session = new TunnelSessionFake();
  registry.connect(node, session, nothing);
  registry.forget(node);
  await session.closed;
  t.same(told, ['connected']);
  t.equal(registry.get(node), undefined);
});

void t.test('at the end all sites are sent away, and no one is told', async (t) => {
  const { registry, told } = scene(5);
  const session = new TunnelSessionFake();
  registry.connect(node, session, nothing);
  await registry.stop(100);
  t.equal(session.drained, true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.same(told, ['connected']);
});

void t.test('a stream whose head drips is reset, however much has come', async (t) => {
  const session = new SiteSession({
    ...{ nodeName: node, epoch: 1, session: new TunnelSessionFake(), log, serve: nothing },
    headTimeoutMs: 200,
  });
  const [near, far] = streamPair();
  const head = Buffer.alloc(10_000, ' ');
  head.writeUInt32BE(head.length - 4);
  let said = 0;
  const drip = setInterval(() => far.write(head.subarray(said, (said += 1))), 10);
  session.accept(near);
  await once(near, 'close');
  clearInterval(drip);
  t.ok(said > 3 && said < 1000, `${said} bytes`);
  far.destroy();
});
