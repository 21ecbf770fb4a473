import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import type { RunnerError } from '../../../../src/edge-runner/errors.ts';
import { maxSetAsideStores } from '../../../../src/edge-runner/store/limits.ts';
import { openStore, setAside, storeFiles } from '../../../../src/edge-runner/store/open-store.ts';
import type { SqliteStore } from '../../../../src/edge-runner/store/sqlite-store.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';
import { makeSealer, temporaryFile } from './fixture.ts';

const canary = 'correct-horse-battery-staple';

const secret: DesiredObject = {
  ...{ kind: 'Secret', namespace: 'berlin', name: 'db', uid: 'uid-db', version: 'v1' },
  object: { metadata: { name: 'db' }, data: { password: canary } },
};

interface Opened {
  store: SqliteStore;
  /** What was logged. */
  lines: unknown[][];
  /** Whether the file was told to be of no use any more. */
  ended: () => boolean;
}

function open(file: string, seed = 1, owner?: string): Opened {
  const lines: unknown[][] = [];
  let ended = false;
  const onDamage = (): void => {
    ended = true;
  };
  const log = { error: (...line: unknown[]): unknown => lines.push(line) };
  const store = openStore(file, {
    sealer: makeSealer(seed),
    onDamage,
    log,
    ...(owner && { owner }),
  });
  return { store, lines, ended: () => ended };
}

/** A store that holds a Secret, a status, an event and a token with the canary in them. */
function fill(file: string, seed = 1): void {
  const { store } = open(file, seed);
  const pod = { namespace: 'berlin', name: 'shop', uid: 'uid-1' };
  const at = '2026-01-01T00:00:00Z';
  const times = { firstTimestamp: at, lastTimestamp: at };
  store.applyDelta([secret], [], true);
  store.writeReports({
    pods: [{ ...pod, status: { message: canary }, gone: false, sent: false }],
    events: [{ id: 'e', pod, type: 'Normal', reason: 'R', message: canary, count: 1, ...times }],
    ...{ forgottenPods: [], sentEvents: [] },
  });
  store.writeToken('uid-1', 'api', { token: canary, issuedAtMs: 1, expiresAtMs: 2 });
  store.close();
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o777).toString(8);
}

function withUmask(t: Test, mask: number): void {
  const before = process.umask(mask);
  t.teardown(() => process.umask(before));
}

void t.test('root alone can read it, whatever the umask', (t) => {
  for (const mask of [0o000, 0o022, 0o777]) {
    const file = temporaryFile(t);
    withUmask(t, mask);
    const { store } = open(file);
    store.applyDelta([secret], [], true);
    const files = storeFiles(file);
    t.ok(files.length > 1, 'the write-ahead log is there');
    for (const name of files) t.equal(modeOf(name), '600', `${basename(name)}, umask ${mask}`);
    store.close();
  }
  t.end();
});

void t.test('a store that an older runner left readable becomes private', (t) => {
  const file = temporaryFile(t);
  withUmask(t, 0);
  writeFileSync(file, '');
  open(file).store.close();
  t.equal(modeOf(file), '600');
  t.end();
});

void t.test('nothing of the contents can be read in the files', (t) => {
  const file = temporaryFile(t);
  fill(file);
  const { store } = open(file);
  t.same(store.objects(), [secret], 'it is there for who has the key');
  t.equal(store.token('uid-1', 'api')?.token, canary);
  for (const name of storeFiles(file)) t.notOk(readFileSync(name).includes(canary), name);
  store.close();
  t.end();
});

const damages: Record<string, (file: string) => void> = {
  'is no database': (file) => {
    writeFileSync(file, 'this is no database, and never was one; it only has the name of one');
  },
  'lost its end': (file) => {
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length / 2));
  },
  'has pages of zeros': (file) => {
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0, 4096));
  },
  'has lost a table': (file) => {
    const database = new DatabaseSync(file);
    database.exec('DROP TABLE token');
    database.close();
  },
  'has a flipped bit in a row': (file) => {
    const database = new DatabaseSync(file);
    database.exec("UPDATE object SET body = CAST(substr(body, 1, 40) || 'x' AS BLOB)");
    database.close();
  },
  'has a row that belongs elsewhere': (file) => {
    const database = new DatabaseSync(file);
    database.exec("UPDATE token SET pod_uid = 'uid-2'");
    database.close();
  },
};

for (const [what, damage] of Object.entries(damages)) {
  void t.test(`a store that ${what} is kept, named, and begun anew`, (t) => {
    const file = temporaryFile(t);
    fill(file);
    damage(file);
    const { store, lines, ended } = open(file);
    t.notOk(ended(), 'the runner that opens it goes on');
    t.match(lines, [[{ err: { code: 'STORE_DAMAGED' }, keptAs: `${file}.damaged-1` }, /new/]]);
    t.same(store.objects(), []);
    t.notOk(store.isComplete(), 'it has heard nothing yet');
    store.applyDelta([secret], [], true);
    store.close();
    const again = open(file);
    t.same(again.store.objects(), [secret]);
    t.same(again.lines, []);
    again.store.close();
    t.ok(readdirSync(dirname(file)).includes(`${basename(file)}.damaged-1`));
    t.equal(modeOf(`${file}.damaged-1`), '600');
    t.end();
  });
}

void t.test('a store of another identity is set aside', (t) => {
  const file = temporaryFile(t);
  fill(file, 1);
  const { store, lines } = open(file, 2);
  t.match(lines, [[{ err: { message: /key of another identity/ } }, String]]);
  t.same(store.objects(), []);
  store.close();
  t.end();
});

void t.test('a store of another site under the same key is set aside', (t) => {
  const id = 'spiffe://fleet.test/tenant/a/site/x';
  for (const other of [
    'spiffe://fleet.test/tenant/b/site/x',
    'spiffe://fleet.test/tenant/a/site/y',
    'spiffe://other.test/tenant/a/site/x',
  ]) {
    const file = temporaryFile(t);
    open(file, 1, id).store.close();
    const own = open(file, 1, id);
    own.store.applyDelta([secret], [], true);
    own.store.close();
    t.same(own.lines, [], 'its own site has it again');
    const { store, lines, ended } = open(file, 1, other);
    t.match(lines, [[{ err: { message: /another site/ }, keptAs: `${file}.damaged-1` }, String]]);
    t.same(store.objects(), [], other);
    t.notOk(store.isComplete());
    t.notOk(ended(), 'the runner goes on');
    store.close();
  }
  t.end();
});

void t.test('a store that does not say whose it is becomes that of the first who asks', (t) => {
  const file = temporaryFile(t);
  fill(file);
  const first = open(file, 1, 'spiffe://fleet.test/tenant/a/site/x');
  t.same(first.lines, []);
  t.same(first.store.objects(), [secret]);
  first.store.close();
  const second = open(file, 1, 'spiffe://fleet.test/tenant/b/site/y');
  t.match(second.lines, [[{ err: { message: /another site/ } }, String]]);
  t.same(second.store.objects(), []);
  second.store.close();
  t.end();
});

void t.test('only the newest damaged stores are kept', (t) => {
  const file = temporaryFile(t);
  for (let n = 0; n < maxSetAsideStores + 3; n += 1) {
    writeFileSync(file, `damaged ${n}`);
    setAside(file);
  }
  const kept = storeFiles(file);
  t.equal(kept.length, maxSetAsideStores);
  t.same(
    kept.map((name) => readFileSync(name, 'utf8')),
    ['damaged 3', 'damaged 4'],
  );
  t.end();
});

void t.test('damage that shows later is told, and without contents', (t) => {
  const file = temporaryFile(t);
  fill(file);
  const told: RunnerError[] = [];
  const store = openStore(file, {
    ...{ sealer: makeSealer(), log: { error: () => undefined } },
    onDamage: (error) => told.push(error),
  });
  // More than SQLite keeps in memory.
  const large = canary.repeat(300_000);
  store.applyDelta([{ ...secret, object: { metadata: { name: 'db' }, large } }], [], true);
  t.same(told, []);
  for (const name of storeFiles(file)) {
    writeFileSync(name, Buffer.alloc(statSync(name).size, 0xff), { flag: 'r+' });
  }
  t.throws(() => store.objects(), { code: 'STORE_DAMAGED' });
  t.match(told, [{ code: 'STORE_DAMAGED' }]);
  t.notMatch(told[0]?.message, canary);
  store.close();
  t.end();
});

void t.test('a second runner on the same store is refused in one line', (t) => {
  const file = temporaryFile(t);
  const { store } = open(file);
  t.throws(() => open(file), { code: 'ALREADY_RUNNING', message: /another runner/ });
  t.equal(
    storeFiles(file).some((name) => name.includes('damaged')),
    false,
  );
  store.close();
  t.end();
});

void t.test('a store of a newer version is left alone', (t) => {
  const file = temporaryFile(t);
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 99');
  database.close();
  const before = readFileSync(file);
  t.throws(() => open(file), { code: 'STORE_NEWER', message: /newer runner.*version 99/ });
  t.same(readFileSync(file), before);
  t.end();
});

void t.test('a folder that cannot be written is named', (t) => {
  t.throws(() => open('/proc/store.db'), { code: 'STORE_FAILED', message: /\/proc\/store\.db/ });
  t.end();
});
