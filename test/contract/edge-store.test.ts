import t, { type Test } from 'tap';
import { maxStoredEvents } from '../../src/edge-runner/report/limits.ts';
import type { EdgeStore } from '../../src/edge-runner/store/edge-store.ts';
import { SqliteStore } from '../../src/edge-runner/store/sqlite-store.ts';
import type { EventReport } from '../../src/protocol/report.ts';
import type { DesiredObject } from '../../src/protocol/sync.ts';
import { makeSealer, temporaryFile } from '../unit/edge-runner/store/fixture.ts';

function object(name: string, version = 'v1'): DesiredObject {
  return {
    ...{ kind: 'ConfigMap', namespace: 'berlin', name, uid: `uid-${name}`, version },
    object: { metadata: { name }, data: { version } },
  };
}

function event(n: number): EventReport {
  const at = new Date(n * 1000).toISOString();
  return {
    id: `event-${n}`,
    pod: { namespace: 'berlin', name: 'shop', uid: 'uid-1' },
    ...{ type: 'Normal', reason: 'Started', message: `Started ${n}`, count: 1 },
    firstTimestamp: at,
    lastTimestamp: at,
  };
}

const noChange = { pods: [], forgottenPods: [], events: [], sentEvents: [] };

/** What every edge store must do; `open` gives the same store again after `close`. */
function storeContract(name: string, open: (t: Test) => () => EdgeStore): void {
  void t.test(`${name}: a delta is there after reopening`, (t) => {
    const reopen = open(t);
    const store = reopen();
    store.applyDelta([object('a'), object('b')], [], true);
    const removed = { kind: 'ConfigMap', namespace: 'berlin', name: 'b' } as const;
    store.applyDelta([object('a', 'v2')], [removed], true);
    store.close();
    const again = reopen();
    t.same(again.objects(), [object('a', 'v2')]);
    again.close();
    t.end();
  });

  void t.test(`${name}: it is complete once a delta says so, and stays so`, (t) => {
    const reopen = open(t);
    const store = reopen();
    t.notOk(store.isComplete());
    store.applyDelta([object('a')], [], false);
    t.notOk(store.isComplete());
    store.applyDelta([], [], true);
    store.applyDelta([object('b')], [], false);
    t.ok(store.isComplete());
    store.close();
    const again = reopen();
    t.ok(again.isComplete());
    again.close();
    t.end();
  });

  void t.test(`${name}: only what changes something counts as a transaction`, (t) => {
    const store = open(t)();
    const before = store.transactions;
    store.forgetTokens('uid-1');
    store.writeReports(noChange);
    t.equal(store.transactions, before);
    store.applyDelta([object('a'), object('b')], [], true);
    store.writeToken('uid-1', 'api', { token: 'secret', issuedAtMs: 1, expiresAtMs: 2 });
    t.equal(store.transactions, before + 2);
    store.close();
    t.end();
  });

  void t.test(`${name}: a delta that fails changes nothing`, (t) => {
    const store = open(t)();
    store.applyDelta([object('a'), object('b')], [], false);
    const removed = { kind: 'ConfigMap', namespace: 'berlin', name: 'b' } as const;
    const circular = object('bad');
    circular.object['self'] = circular.object;
    t.throws(() => {
      store.applyDelta([object('a', 'v2'), circular], [removed], true);
    });
    t.same(store.objects(), [object('a'), object('b')]);
    t.notOk(store.isComplete());
    store.close();
    t.end();
  });

  void t.test(`${name}: reports keep whether they were sent`, (t) => {
    const store = open(t)();
    const report = {
      ...{ uid: 'uid-1', namespace: 'berlin', name: 'shop' },
      ...{ status: { phase: 'Running' }, gone: false, sent: false },
    };
    store.writeReports({ ...noChange, pods: [report] });
    t.same(store.podReports(), [report]);
    store.writeReports({ ...noChange, pods: [{ ...report, sent: true }] });
    t.same(store.podReports(), [{ ...report, sent: true }]);
    store.writeReports({ ...noChange, forgottenPods: ['uid-1'] });
    t.same(store.podReports(), []);
    store.close();
    t.end();
  });

  void t.test(
    `${name}: events come back in the order of writing, the oldest go when there are too many`,
    (t) => {
      const store = open(t)();
      const events = Array.from({ length: maxStoredEvents + 2 }, (_, n) => event(n + 1));
      store.writeReports({ ...noChange, events });
      const kept = store.events();
      t.equal(kept.length, maxStoredEvents);
      t.equal(kept[0]?.id, 'event-3');
      store.writeReports({ ...noChange, sentEvents: ['event-3'] });
      t.equal(store.events()[0]?.id, 'event-4');
      store.writeReports({ ...noChange, events: [event(4)] });
      t.equal(store.events().at(-1)?.id, 'event-4', 'one that is told again is the newest');
      store.close();
      t.end();
    },
  );

  void t.test(`${name}: tokens belong to a pod and a request`, (t) => {
    const store = open(t)();
    const token = { token: 'secret', issuedAtMs: 1, expiresAtMs: 2 };
    store.writeToken('uid-1', 'api', token);
    t.same(store.token('uid-1', 'api'), token);
    t.equal(store.token('uid-1', 'vault'), undefined);
    t.equal(store.token('uid-2', 'api'), undefined);
    store.forgetTokens('uid-1');
    t.equal(store.token('uid-1', 'api'), undefined);
    store.close();
    t.end();
  });

  void t.test(`${name}: image pulls are there after reopening, until they are forgotten`, (t) => {
    const reopen = open(t);
    const store = reopen();
    const secrets = [{ uid: 'u', namespace: 'berlin', name: 'key', digest: '0' }];
    const pull = { key: 'sha256:1', access: { 'r.test/x': { everyone: false, secrets } } };
    store.changeImagePulls([pull, { key: 'pulling x', access: {} }], []);
    store.changeImagePulls([], ['pulling x']);
    store.close();
    const again = reopen();
    t.same(again.imagePulls(), [pull]);
    again.close();
    t.end();
  });
}

storeContract('SqliteStore', (t) => {
  const file = temporaryFile(t);
  return () => new SqliteStore(file, { sealer: makeSealer() });
});
