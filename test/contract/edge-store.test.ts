import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { RunnerError } from '../../src/edge-runner/errors.ts';
import { maxStoredEvents } from '../../src/edge-runner/limits.ts';
import type { EdgeStore } from '../../src/edge-runner/store/edge-store.ts';
import { SqliteStore } from '../../src/edge-runner/store/sqlite-store.ts';
import type { EventReport } from '../../src/protocol/report.ts';
import type { DesiredObject } from '../../src/protocol/sync.ts';

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
    store.applyDelta([object('a'), object('b')], []);
    store.applyDelta([object('a', 'v2')], [{ kind: 'ConfigMap', namespace: 'berlin', name: 'b' }]);
    store.close();
    const again = reopen();
    t.same(again.objects(), [object('a', 'v2')]);
    t.match(again.held(), [{ name: 'a', version: 'v2', uid: 'uid-a' }]);
    again.close();
    t.end();
  });

  void t.test(`${name}: a delta that fails changes nothing`, (t) => {
    const store = open(t)();
    store.applyDelta([object('a')], []);
    const circular = object('bad');
    circular.object['self'] = circular.object;
    t.throws(() => {
      store.applyDelta([object('a', 'v2'), circular], []);
    });
    t.same(store.objects(), [object('a')]);
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
    `${name}: events come back oldest first, the oldest go when there are too many`,
    (t) => {
      const store = open(t)();
      const events = Array.from({ length: maxStoredEvents + 2 }, (_, n) => event(n + 1));
      store.writeReports({ ...noChange, events: events.toReversed() });
      const kept = store.events();
      t.equal(kept.length, maxStoredEvents);
      t.equal(kept[0]?.id, 'event-3');
      store.writeReports({ ...noChange, sentEvents: ['event-3'] });
      t.equal(store.events()[0]?.id, 'event-4');
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
}

function temporaryFile(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'towline-store-'));
  t.teardown(() => {
    rmSync(dir, { recursive: true });
  });
  return join(dir, 'store.db');
}

storeContract('SqliteStore', (t) => {
  const file = temporaryFile(t);
  return () => new SqliteStore(file);
});

void t.test('a second runner on the same store is refused in one line', (t) => {
  const file = temporaryFile(t);
  const store = new SqliteStore(file);
  t.throws(() => new SqliteStore(file), { code: 'ALREADY_RUNNING', message: /another runner/ });
  store.close();
  t.end();
});

void t.test('a store of a newer version is left alone', (t) => {
  const file = temporaryFile(t);
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 99');
  database.close();
  t.throws(() => new SqliteStore(file), { code: 'STORE_FAILED', message: /newer runner/ });
  t.end();
});

void t.test('a folder that cannot be written is named', (t) => {
  try {
    new SqliteStore('/proc/store.db').close();
    t.fail('it opened');
  } catch (error) {
    t.ok(error instanceof RunnerError);
    t.match(error, { code: 'STORE_FAILED', message: /\/proc\/store\.db/ });
  }
  t.end();
});
