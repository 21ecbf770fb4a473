import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { maxStoredEvents } from '../../../../src/edge-runner/report/limits.ts';
import { Outbox } from '../../../../src/edge-runner/report/outbox.ts';
import type { EventReport, PodReport } from '../../../../src/protocol/report.ts';
import { FakeStore } from './fake-store.ts';

const silent = { error: () => undefined, info: () => undefined };

function bench(t: Test, store = new FakeStore()): { store: FakeStore; outbox: Outbox } {
  const outbox = new Outbox(store, silent);
  t.teardown(() => {
    store.isFull = false;
    outbox.close();
  });
  return { store, outbox };
}

function report(uid: string, phase = 'Running'): PodReport {
  return { uid, name: uid, namespace: 'berlin', gone: false, status: { phase } };
}

function event(id: string, count = 1): EventReport {
  const at = new Date(count * 1000).toISOString();
  return {
    ...{ id, pod: { uid: 'a', name: 'a', namespace: 'berlin' }, type: 'Normal' },
    ...{ reason: 'Started', message: id, count, firstTimestamp: at, lastTimestamp: at },
  };
}

void t.test('what was taken is not offered again until the link breaks', (t) => {
  const { outbox } = bench(t);
  outbox.publish(report('a'));
  outbox.addEvent(event('e'));
  const batch = outbox.take();
  t.match(batch, { pods: [{ uid: 'a' }], events: [{ id: 'e' }] });
  t.same(outbox.take(), { pods: [], events: [] });
  outbox.resend(batch);
  t.same(outbox.take(), batch);
  t.end();
});

const ready = [Infinity, Infinity, Infinity, 'ready'] as const;

function starting(uid: string): PodReport {
  const state = { waiting: { reason: 'ContainerCreating' } };
  const containerStatuses = [{ name: 'main', state, ready: false, restartCount: 0 }];
  return { ...report(uid), status: { phase: 'Pending', containerStatuses } };
}

void t.test('what nobody waits for does not go along with what somebody does', async (t) => {
  const { outbox } = bench(t);
  let calls = 0;
  outbox.onReady(() => (calls += 1));
  outbox.publish(starting('a'));
  outbox.publish(starting('b'));
  outbox.addEvent(event('e'));
  t.equal(calls, 0);
  outbox.publish(report('a'));
  t.equal(calls, 1);
  t.match(outbox.take(...ready), {
    pods: [{ uid: 'a', status: { phase: 'Running' } }],
    events: [],
  });
  await waitFor(() => calls === 2, { what: 'the rest', timeoutMs: 5_000 });
  t.match(outbox.take(...ready), { pods: [{ uid: 'b' }], events: [{ id: 'e' }] });
});

void t.test(
  'while pods become ready one after the other, nothing else is told, but not for ever',
  (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.teardown(() => {
      mock.timers.reset();
    });
    const { outbox } = bench(t);
    const told = (): { pods: number; events: number } => {
      const { pods, events } = outbox.take(...ready);
      return { pods: pods.length, events: events.length };
    };
    const oneMore = { pods: 1, events: 0 };
    outbox.publish(starting('last'));
    outbox.addEvent(event('e'));
    mock.timers.tick(900);
    outbox.publish(report('a'));
    t.same(told(), oneMore);
    mock.timers.tick(999);
    t.same(told(), { pods: 0, events: 0 }, 'a second after the first that is held back');
    mock.timers.tick(1);
    t.same(told(), { pods: 1, events: 1 }, 'a second after the last that somebody waited for');
    outbox.addEvent(event('f'));
    for (let passedMs = 0; passedMs < 3000; passedMs += 500) {
      outbox.publish(report(`ready-${passedMs}`));
      t.same(told(), oneMore);
      mock.timers.tick(500);
    }
    t.same(told(), { pods: 0, events: 1 }, 'three seconds after the first that was held back');
    outbox.addEvent(event('g'));
    mock.timers.tick(999);
    t.same(told(), { pods: 0, events: 0 });
    mock.timers.tick(1);
    t.same(told(), { pods: 0, events: 1 });
    t.end();
  },
);

void t.test('the events of a pod go along with its end, for later nobody would take them', (t) => {
  const { outbox } = bench(t);
  outbox.addEvent(event('killing'));
  outbox.addEvent({ ...event('other'), pod: { uid: 'b', name: 'b', namespace: 'berlin' } });
  outbox.publish({ ...report('a'), gone: true });
  t.match(outbox.take(...ready), { pods: [{ uid: 'a', gone: true }], events: [{ id: 'killing' }] });
  t.same(outbox.take(...ready), { pods: [], events: [] });
  t.end();
});

void t.test('a status that waits for its turn is not held back by a later one', (t) => {
  const { outbox } = bench(t);
  outbox.publish(report('a'));
  outbox.publish(starting('a'));
  t.match(outbox.take(...ready).pods, [{ uid: 'a', status: { phase: 'Pending' } }]);
  t.end();
});

void t.test('a warning goes at once, after the events before it', (t) => {
  const { outbox } = bench(t);
  outbox.addEvent(event('first'));
  t.same(outbox.take(...ready).events, []);
  outbox.addEvent({ ...event('second'), type: 'Warning' });
  t.match(outbox.take(...ready).events, [{ id: 'first' }, { id: 'second' }]);
  t.end();
});

void t.test('a batch has no more bytes than a message may have', (t) => {
  const { outbox } = bench(t);
  const large = (uid: string, length: number): PodReport => ({
    ...report(uid),
    status: { phase: 'Running', message: '€'.repeat(length) },
  });
  for (const uid of ['a', 'b', 'c']) outbox.publish(large(uid, 100));
  outbox.publish(large('oversized', 300));
  outbox.publish(report('d'));
  for (const id of ['e', 'f', 'g']) outbox.addEvent({ ...event(id), message: 'm'.repeat(300) });
  const taken: string[][] = [];
  for (;;) {
    const { pods, events } = outbox.take(50, 100, 900);
    if (pods.length + events.length === 0) break;
    t.ok(Buffer.byteLength(JSON.stringify(pods)) <= 901);
    t.ok(Buffer.byteLength(JSON.stringify(events)) <= 901);
    taken.push([...pods.map(({ uid }) => uid), ...events.map(({ id }) => id)]);
  }
  t.same(taken, [['a', 'b', 'e'], ['c', 'd', 'f'], ['g']], 'all but what never fits');
  t.end();
});

void t.test('a status that changes on its way is sent again', (t) => {
  const { store, outbox } = bench(t);
  outbox.publish(report('a', 'Pending'));
  const first = outbox.take();
  outbox.publish(report('a', 'Running'));
  outbox.acknowledge(first);
  outbox.flush();
  t.equal(store.reports.get('a')?.sent, false);
  const second = outbox.take();
  t.match(second.pods, [{ status: { phase: 'Running' } }]);
  outbox.acknowledge(second);
  outbox.flush();
  t.equal(store.reports.get('a')?.sent, true);
  t.same(outbox.take().pods, []);
  t.end();
});

void t.test('only the newest status of a pod goes when the link broke in between', (t) => {
  const { outbox } = bench(t);
  outbox.publish(report('a', 'Pending'));
  const lost = outbox.take();
  outbox.publish(report('a', 'Running'));
  outbox.resend(lost);
  t.match(outbox.take().pods, [{ status: { phase: 'Running' } }]);
  t.end();
});

void t.test('an event whose count grows on its way is sent again, once', (t) => {
  const { store, outbox } = bench(t);
  outbox.addEvent(event('e', 1));
  const first = outbox.take();
  outbox.addEvent(event('e', 2));
  const second = outbox.take();
  t.match(second.events, [{ count: 2 }]);
  outbox.acknowledge(first);
  t.same(outbox.take().events, [], 'the older answer changes nothing');
  outbox.acknowledge(second);
  outbox.flush();
  t.equal(store.stored.size, 0);
  t.end();
});

void t.test('after a restart what was not acknowledged goes, and what was known is known', (t) => {
  const { store, outbox } = bench(t);
  outbox.publish(report('a'));
  outbox.acknowledge(outbox.take());
  outbox.publish(report('b'));
  outbox.addEvent(event('e'));
  outbox.take();
  outbox.close();
  const again = new Outbox(store, silent);
  t.same([again.unsentPodCount, again.unsentEvents.length], [1, 1], 'as a person is told');
  t.match(again.take(), { pods: [{ uid: 'b' }], events: [{ id: 'e' }] });
  t.same(again.lastStatus('a'), { phase: 'Running' });
  t.same(again.podUids(), ['a', 'b']);
  again.resendAll();
  t.equal(again.take().pods.length, 2);
  again.close();
  t.end();
});

void t.test('the oldest events go when there are too many; one that repeats is young', (t) => {
  const { store, outbox } = bench(t);
  for (let n = 0; n < maxStoredEvents; n += 1) outbox.addEvent(event(`e${n}`));
  outbox.addEvent(event('e0', 2));
  outbox.addEvent(event('new'));
  const ids = outbox.take().events.map(({ id }) => id);
  t.equal(ids.length, maxStoredEvents);
  t.same(ids.slice(-2), ['e0', 'new']);
  t.notOk(ids.includes('e1'));
  outbox.flush();
  t.equal(store.stored.size, maxStoredEvents);
  t.end();
});

void t.test('so much is taken as is asked for', (t) => {
  const { outbox } = bench(t);
  for (const uid of ['a', 'b', 'c']) outbox.publish(report(uid));
  for (const id of ['e', 'f', 'g']) outbox.addEvent(event(id));
  const uids = (max: number): string[] => outbox.take(max, 0).pods.map(({ uid }) => uid);
  t.same(uids(2), ['a', 'b']);
  t.same(uids(2), ['c']);
  t.equal(outbox.take(0, 2).events.length, 2);
  t.equal(outbox.take(0, 2).events.length, 1);
  t.end();
});

void t.test('a pod that is forgotten leaves nothing, on its way or not', (t) => {
  const { store, outbox } = bench(t);
  outbox.publish(report('a'));
  outbox.flush();
  const batch = outbox.take();
  outbox.forget('a');
  outbox.acknowledge(batch);
  outbox.resend(batch);
  t.same(outbox.take().pods, []);
  outbox.flush();
  t.equal(store.reports.size, 0);
  t.end();
});

void t.test('a full disk loses nothing and stops nothing', async (t) => {
  const { store, outbox } = bench(t);
  const errors: unknown[] = [];
  const loud = new Outbox(store, { error: (fields: unknown) => errors.push(fields) } as never);
  store.isFull = true;
  loud.publish(report('a'));
  await waitFor(() => errors.length === 1, { what: 'an error', timeoutMs: 2_000, intervalMs: 5 });
  t.match(loud.take().pods, [{ uid: 'a' }], 'it goes to the cloud from memory');
  loud.publish(report('b'));
  t.throws(
    () => {
      loud.flush();
    },
    { code: 'STORE_FAILED' },
  );
  store.isFull = false;
  loud.flush();
  t.same([...store.reports.keys()], ['a', 'b']);
  loud.close();
  t.ok(outbox);
});

void t.test('what only the status tells is in the store before it goes', (t) => {
  const { store, outbox } = bench(t);
  const atTelling: (string | undefined)[] = [];
  outbox.onReady(() => atTelling.push(store.reports.get('a')?.status['phase'] as string));
  outbox.publish(report('a', 'Running'));
  outbox.publish(report('a', 'Failed'), 'kept');
  t.same(atTelling, [undefined, 'Failed'], 'other statuses are written a moment later');
  t.equal(store.writes, 1, 'together with what had waited');
  outbox.flush();
  t.equal(store.writes, 1, 'and not once more');
  t.end();
});

void t.test('on a full disk it goes from memory, and the disk is not tried each time', (t) => {
  const store = new FakeStore();
  const errors: unknown[] = [];
  const outbox = new Outbox(store, { ...silent, error: (fields: unknown) => errors.push(fields) });
  store.isFull = true;
  outbox.publish(report('a'), 'kept');
  outbox.publish(report('b'), 'kept');
  t.same([store.refusals, errors.length], [1, 1]);
  t.match(outbox.take().pods, [{ uid: 'a' }, { uid: 'b' }]);
  store.isFull = false;
  outbox.close();
  t.same([...store.reports.keys()], ['a', 'b']);
  t.end();
});

void t.test('listeners hear of what is urgent at once, of the rest together', async (t) => {
  const { outbox } = bench(t);
  let calls = 0;
  outbox.onReady(() => (calls += 1));
  outbox.addEvent(event('e'));
  outbox.publish(report('a'), 'lazily');
  t.equal(calls, 0);
  await waitFor(() => calls === 1, { what: 'one call', timeoutMs: 2_000, intervalMs: 10 });
  outbox.publish(report('a', 'Failed'));
  t.equal(calls, 2);
});
