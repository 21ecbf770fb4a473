import { mkdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { minReopenDelayMs } from '../../../../src/edge-runner/store/limits.ts';
import { wasLost } from '../../../../src/edge-runner/store/lost-store.ts';
import { openStore, refuseIfUsed } from '../../../../src/edge-runner/store/open-store.ts';
import { SqliteStore } from '../../../../src/edge-runner/store/sqlite-store.ts';
import { StandInStore } from '../../../../src/edge-runner/store/stand-in-store.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';
import { makeSealer, temporaryFile } from './fixture.ts';

const pod = { namespace: 'berlin', name: 'shop', uid: 'uid-1' };
const at = '2026-01-01T00:00:00Z';
const desired: DesiredObject = {
  ...{ kind: 'Pod', ...pod, version: 'v1' },
  object: { metadata: pod },
};
const report = { ...pod, status: { phase: 'Running' as const }, gone: false, sent: true };
const event = {
  ...{ id: 'e', pod, type: 'Normal' as const, reason: 'Started', message: 'm', count: 1 },
  ...{ firstTimestamp: at, lastTimestamp: at },
};
const token = { token: 't', issuedAtMs: 1, expiresAtMs: 2 };
const pull = { key: 'sha256:1', access: { 'r.test/app': { everyone: false, secrets: [] } } };

interface Bench {
  file: string;
  store: StandInStore;
  /** For `nowMs`. */
  clock: { ms: number };
  ends: string[];
}

/** A stand-in for a store that holds something of everything. */
function standIn(t: Test, isComplete = true): Bench {
  const file = temporaryFile(t);
  const before = new SqliteStore(file, { sealer: makeSealer() });
  if (isComplete) before.applyDelta([desired], [], true);
  before.writeReports({ pods: [report], events: [event], forgottenPods: [], sentEvents: [] });
  before.writeToken('uid-1', 'api', token);
  before.changeImagePulls([pull], []);
  before.close();
  const [clock, ends] = [{ ms: 0 }, [] as string[]];
  const store = new StandInStore(file, {
    ...{ sealer: makeSealer(), copyFile: `${file}-copy`, nowMs: () => clock.ms },
    log: { error: () => undefined, info: () => undefined },
    onReplaced: ({ message }) => ends.push(message),
  });
  return { file, store, clock, ends };
}

void t.test('a file that came back damaged gets what was read before', (t) => {
  const { file, store, ends } = standIn(t);
  writeFileSync(file, 'no database, however long it may be');
  store.writeToken('uid-2', 'api', token);
  t.same(ends, []);
  t.notOk(wasLost(file), 'nothing was');
  store.close();
  const again = openStore(file, {
    sealer: makeSealer(),
    log: { error: () => t.fail('it is damaged') },
  });
  t.ok(again.isComplete());
  t.same(again.objects(), [desired]);
  t.same(again.podReports(), [report]);
  t.same(again.events(), [event]);
  t.same(again.imagePulls(), [pull]);
  t.same(again.token('uid-1', 'api'), token);
  t.same(again.token('uid-2', 'api'), token);
  again.close();
  t.end();
});

void t.test('where the cloud had not told everything, the runner starts again', (t) => {
  const { file, store, ends } = standIn(t, false);
  writeFileSync(file, 'no database, however long it may be');
  t.throws(
    () => {
      store.writeToken('uid-2', 'api', token);
    },
    { code: 'STORE_FAILED' },
  );
  t.match(ends, [/another one than at the start/]);
  t.ok(wasLost(file), 'and sees to what was lost');
  store.close();
  t.end();
});

void t.test('a file that can not be written is not tried at once again', (t) => {
  const { file, store, clock } = standIn(t);
  renameSync(file, `${file}.away`);
  mkdirSync(file);
  const write = (): void => {
    store.writeToken('uid-2', 'api', token);
  };
  t.throws(write, { code: 'STORE_FAILED' });
  rmdirSync(file);
  renameSync(`${file}.away`, file);
  clock.ms = minReopenDelayMs - 1;
  t.throws(write, { code: 'STORE_FAILED' });
  clock.ms = minReopenDelayMs;
  write();
  t.same(store.token('uid-2', 'api'), token);
  store.close();
  t.end();
});

void t.test('what is no file is told as a store that can not be opened', (t) => {
  const file = temporaryFile(t);
  mkdirSync(file);
  t.throws(
    () => {
      refuseIfUsed(file);
    },
    { name: 'RunnerError', code: 'STORE_FAILED' },
  );
  t.end();
});
