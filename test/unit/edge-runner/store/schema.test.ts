import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import type { Sealer } from '../../../../src/edge-runner/store/sealer.ts';
import { schemaSteps } from '../../../../src/edge-runner/store/schema.ts';
import { storeFiles } from '../../../../src/edge-runner/store/open-store.ts';
import { SqliteStore } from '../../../../src/edge-runner/store/sqlite-store.ts';
import { makeSealer, temporaryFile } from './fixture.ts';
import { writeVersion1 } from './old-store.ts';

const canary = 'correct-horse-battery-staple';

const rows = `
  INSERT INTO object VALUES ('Secret', 'berlin', 'db', 'uid-db', 'v1',
    '{"metadata":{"name":"db"},"data":{"password":"${canary}"}}');
  INSERT INTO pod_report VALUES ('uid-1', 'berlin', 'shop', '{"message":"${canary}"}', 0, 1);
  INSERT INTO event VALUES ('late', 2000, '{"id":"late","message":"${canary}"}'),
    ('early', 1000, '{"id":"early"}');
  INSERT INTO token VALUES ('uid-1', '["api",3600]', '${canary}', 1700000000000, 1800000000000);
`;

void t.test('a store of version 1 is brought forward with all it holds', (t) => {
  const file = temporaryFile(t);
  writeVersion1(file, rows);
  for (const time of ['first', 'second']) {
    const store = new SqliteStore(file, { sealer: makeSealer() });
    t.match(store.objects(), [{ kind: 'Secret', object: { data: { password: canary } } }], time);
    t.match(store.podReports(), [{ uid: 'uid-1', status: { message: canary }, sent: true }]);
    t.match(store.events(), [{ id: 'early' }, { id: 'late', message: canary }]);
    const times = { issuedAtMs: 1_700_000_000_000, expiresAtMs: 1_800_000_000_000 };
    t.same(store.token('uid-1', '["api",3600]'), { token: canary, ...times });
    t.ok(store.isComplete(), 'it had heard the cloud');
    store.close();
  }
  t.end();
});

void t.test('nothing that was readable before is left in the files', (t) => {
  const file = temporaryFile(t);
  writeVersion1(file, rows);
  t.ok(readFileSync(file).includes(canary));
  const store = new SqliteStore(file, { sealer: makeSealer() });
  for (const name of storeFiles(file)) t.notOk(readFileSync(name).includes(canary), name);
  store.close();
  for (const name of storeFiles(file)) t.notOk(readFileSync(name).includes(canary), name);
  t.end();
});

void t.test('an empty store of version 1 has not heard the cloud yet', (t) => {
  const file = temporaryFile(t);
  writeVersion1(file, '');
  const store = new SqliteStore(file, { sealer: makeSealer() });
  t.notOk(store.isComplete());
  store.close();
  t.end();
});

void t.test('a step that breaks off leaves the old version, whole', (t) => {
  const file = temporaryFile(t);
  writeVersion1(file, rows);
  const broken: Sealer = {
    open: () => '',
    seal: () => {
      throw new RangeError('no randomness');
    },
  };
  t.throws(() => new SqliteStore(file, { sealer: broken }));
  const database = new DatabaseSync(file);
  t.match(database.prepare('PRAGMA user_version').all(), [{ user_version: 1 }]);
  t.match(database.prepare('SELECT token FROM token').all(), [{ token: canary }]);
  database.close();
  const store = new SqliteStore(file, { sealer: makeSealer() });
  t.equal(store.objects().length, 1);
  store.close();
  t.end();
});

void t.test('a runner one schema older refuses the store, and leaves it as it is', (t) => {
  const file = temporaryFile(t);
  new SqliteStore(file, { sealer: makeSealer() }).close();
  const before = readFileSync(file);
  const older = schemaSteps.slice(0, -1);
  t.throws(() => new SqliteStore(file, { sealer: makeSealer(), steps: older }), {
    code: 'STORE_NEWER',
    message: new RegExp(`version ${schemaSteps.length}, this one knows ${older.length}`),
  });
  t.same(readFileSync(file), before);
  t.end();
});
