import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runChecked } from '../../../hack/lab/command.ts';
import { LogRotator } from '../../../src/edge-runner/garbage/log-rotator.ts';
import type { EdgeStore } from '../../../src/edge-runner/store/edge-store.ts';
import { SqliteStore } from '../../../src/edge-runner/store/sqlite-store.ts';
import {
  openOrStandIn,
  StandInStore,
  type StandInOptions,
} from '../../../src/edge-runner/store/stand-in-store.ts';
import { LinuxMounter } from '../../../src/edge-runner/volumes/linux-mounter.ts';
import { makeSealer } from '../../unit/edge-runner/store/fixture.ts';
import type { DesiredObject } from '../../../src/protocol/sync.ts';

const dir = await mkdtemp(join(tmpdir(), 'towline-full-'));
const memory = await mkdtemp(join(tmpdir(), 'towline-copy-'));
const token = { token: 't', issuedAtMs: 1, expiresAtMs: 2 };
const mounter = new LinuxMounter();
await mounter.tmpfs(dir, { mode: 0o700, sizeBytes: 1024 * 1024 });
t.teardown(async () => {
  await mounter.unmount(dir);
  await rmdir(dir);
  await rm(memory, { recursive: true });
});

function object(name: string, bytes: number): DesiredObject {
  const identity = { kind: 'ConfigMap', namespace: 'berlin', name, uid: name } as const;
  return { ...identity, version: '1', object: { metadata: { name }, data: 'x'.repeat(bytes) } };
}

void t.test('a full disk fails a write in one sentence, changes nothing, and heals', async (t) => {
  const store = new SqliteStore(join(dir, 'store.db'), { sealer: makeSealer() });
  store.applyDelta([object('small', 100)], [], true);
  const ballast = join(dir, 'ballast');
  await writeFile(ballast, Buffer.alloc(600 * 1024));
  for (let round = 0; round < 3; round += 1) {
    t.throws(
      () => {
        store.applyDelta([object('small', 50), object('large', 900 * 1024)], [], true);
      },
      { code: 'STORE_FAILED', message: /store\.db: .*full.*; check that the disk has room/ },
    );
    t.same(store.objects(), [object('small', 100)]);
  }
  await rm(ballast);
  store.applyDelta([object('large', 100 * 1024)], [], true);
  t.equal(store.objects().length, 2);
  store.close();
  const again = new SqliteStore(join(dir, 'store.db'), { sealer: makeSealer() });
  t.equal(again.objects().length, 2);
  again.close();
});

/** A store that can't be opened to be written, for the disk is read-only. */
async function standIn(t: Test): Promise<{ store: EdgeStore; said: string[]; ends: string[] }> {
  await runChecked('mount', ['-o', 'remount,ro', dir]);
  t.teardown(() => runChecked('mount', ['-o', 'remount,rw', dir]));
  const said: string[] = [];
  const ends: string[] = [];
  return { store: openOrStandIn(join(dir, 'store.db'), optionsFor(said, ends)), said, ends };
}

/** Long enough between two tries. */
let nowMs = 0;

function optionsFor(said: string[], ends: string[] = []): StandInOptions {
  const say = (_: unknown, text?: string): unknown => said.push(text ?? String(_));
  return {
    ...{ sealer: makeSealer(), copyFile: join(memory, 'copy.db') },
    nowMs: () => (nowMs += 60_000),
    ...{ log: { error: say, info: say }, onReplaced: ({ message }) => ends.push(message) },
  };
}

void t.test('a store on a read-only disk is read, and written once it can be', async (t) => {
  const { store, said } = await standIn(t);
  t.match(said, [/^the store can not be written/]);
  t.same(
    store.objects().map(({ name }) => name),
    ['large', 'small'],
  );
  t.ok(store.isComplete());
  t.throws(
    () => {
      store.applyDelta([object('new', 10)], [], true);
    },
    { code: 'STORE_FAILED' },
  );
  t.throws(
    () => {
      store.writeToken('u', 'r', token);
    },
    { code: 'STORE_FAILED' },
  );
  t.equal(store.token('u', 'r'), undefined);
  const second = (): EdgeStore => openOrStandIn(join(dir, 'store.db'), optionsFor([]));
  t.throws(second, { code: 'ALREADY_RUNNING' });
  await runChecked('mount', ['-o', 'remount,rw', dir]);
  store.applyDelta([object('new', 10)], [], true);
  t.match(said, [String, 'the store can be written again']);
  store.writeToken('u', 'r', token);
  t.same(store.token('u', 'r'), token);
  t.same(await readdir(memory), [], 'no copy is left');
  store.close();
  const again = new SqliteStore(join(dir, 'store.db'), { sealer: makeSealer() });
  t.same(
    again
      .objects()
      .map(({ name }) => name)
      .sort(),
    ['large', 'new', 'small'],
  );
  again.close();
});

void t.test('a runner whose disk turned read-only keeps the others out', (t) => {
  const first = new SqliteStore(join(dir, 'store.db'), { sealer: makeSealer() });
  t.teardown(() => {
    first.close();
  });
  t.throws(() => new StandInStore(join(dir, 'store.db'), optionsFor([])), {
    code: 'ALREADY_RUNNING',
  });
  t.end();
});

void t.test('another store in the place of the one that was read ends the runner', async (t) => {
  const { store, ends } = await standIn(t);
  await runChecked('mount', ['-o', 'remount,rw', dir]);
  const other = new SqliteStore(join(dir, 'store.db'), { sealer: makeSealer() });
  other.applyDelta([object('other', 10)], [], true);
  other.close();
  t.throws(
    () => {
      store.applyDelta([], [], true);
    },
    { code: 'STORE_FAILED' },
  );
  t.match(ends, [/is another one than at the start/]);
  store.close();
  t.same(await readdir(memory), []);
});

void t.test('a damaged store on a read-only disk leaves running pods alone', async (t) => {
  await writeFile(join(dir, 'store.db'), 'not a database, however long it may be');
  const { store, said } = await standIn(t);
  t.notOk(store.isComplete());
  t.match(said, [String, /running pods stay up/]);
  store.close();
});

void t.test('logs are rotated on a disk that is too full to pack the old ones', async (t) => {
  const folder = join(dir, 'logs');
  const current = join(folder, '0.log');
  await mkdir(folder);
  // Nothing that packing would make smaller.
  for (const name of ['0.log', '0.log.20260101-000000', '0.log.20260101-000001']) {
    await writeFile(join(folder, name), randomBytes(100 * 1024));
  }
  await writeFile(join(folder, 'ballast'), Buffer.alloc(1024 * 1024)).catch(() => undefined);
  const warnings: unknown[] = [];
  const rotator = new LogRotator({
    reopen: () => writeFile(current, ''),
    ...{ maxBytes: 50 * 1024, maxFiles: 4, nowMs: () => Date.parse('2026-01-01T00:00:02Z') },
    log: { warn: (...told: unknown[]) => warnings.push(told) },
  });
  await rotator.rotate([{ id: 'c', logPath: current }], new AbortController().signal);
  t.match((await readdir(folder)).sort(), ['0.log', /^0.log.20260101-0000/, 'ballast']);
  t.match(warnings[0], [{ err: { code: 'ENOSPC' } }, String]);
  await rm(folder, { recursive: true });
});
