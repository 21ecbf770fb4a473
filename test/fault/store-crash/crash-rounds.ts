import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { SqliteStore } from '../../../src/edge-runner/store/sqlite-store.ts';
import { Random } from '../../fuzz/random.ts';
import { makeSealer } from '../../unit/edge-runner/store/fixture.ts';
import { writeVersion1 } from '../../unit/edge-runner/store/old-store.ts';
import { generation } from './generations.ts';

/** What the rounds met. */
interface Tally {
  old: number;
  new: number;
  torn: number;
  migrations: number;
}

const writer = join(import.meta.dirname, 'writer.ts');

/** Steps of a few generations; one of them is where the process dies. */
const maxStep = 60;

/** Every so many rounds the writer begins with a store of the first schema. */
const migrationEvery = 10;

/**
 * Kills the writer of a store between two steps of a transaction, again and again, and opens what it
 * left: each transaction is there whole or not at all, and all that was acknowledged is there. What
 * was not yet synced is sometimes torn besides, as a loss of power tears it.
 */
export function crashRounds(t: Test, options: { rounds: number; seed: number }): void {
  const dir = mkdtempSync(join(tmpdir(), 'towline-crash-'));
  t.teardown(() => {
    rmSync(dir, { recursive: true });
  });
  const random = new Random(options.seed);
  const tally: Tally = { old: 0, new: 0, torn: 0, migrations: 0 };
  let file = join(dir, 'store-0.db');
  let held: Held = nothing;
  for (let round = 1; round <= options.rounds; round += 1) {
    if (round % migrationEvery === 0) {
      rmSync(file, { force: true });
      file = join(dir, `store-${round}.db`);
      held = nothing;
      migrationRound(file, random, tally);
    } else {
      held = crashRound(file, { ...options, held, random, tally });
    }
  }
  const { old, new: fresh, torn, migrations } = tally;
  t.comment(
    `FAULT_SEED=${options.seed}: ${options.rounds} times the writer of a store was killed between two steps of a transaction, and the store opened again`,
  );
  t.equal(
    old + fresh + migrations,
    options.rounds,
    `it held the state before the transaction ${old} times and the one after it ${fresh} times, and after ${migrations} kills within a migration all objects; never a mix, and all that was acknowledged`,
  );
  t.comment(`${torn} times what was not synced yet had been cut or garbled as well`);
  t.ok(old > 0 && fresh > 0, 'the process died before and after commits');
}

/** Generations that a store holds for certain. */
interface Held {
  objects: number;
  reports: number;
}

const nothing: Held = { objects: 0, reports: 0 };

interface Round {
  seed: number;
  held: Held;
  random: Random;
  tally: Tally;
}

/** @returns what the store holds now. */
function crashRound(file: string, { seed, held, random, tally }: Round): Held {
  const step = random.below(maxStep);
  const lines = runWriter(file, seed, held.objects + 1, step);
  const [acknowledged, walBytes] = lines.at(-1) ?? [held.objects, undefined];
  if (walBytes !== undefined && tearLog(file, walBytes, random)) tally.torn += 1;
  const store = new SqliteStore(file, { sealer: makeSealer() });
  const found = generationOf(store);
  const said = `step ${step}: acknowledged ${acknowledged}, found ${found}`;
  if (found !== acknowledged && found !== acknowledged + 1) throw new Error(said);
  tally[found === acknowledged ? 'old' : 'new'] += 1;
  const wanted = generation(seed, found).objects;
  if (found > 0 && !sameObjects(store, wanted)) throw new Error(`${said}, and it is mixed`);
  const reports = lines.at(-1)?.[0] ?? held.reports;
  checkReports(store, { objects: found, reports }, said);
  store.close();
  return { objects: found, reports };
}

/** They are written after the objects of their generation. */
function checkReports(store: SqliteStore, held: Held, said: string): void {
  const numbers = [
    Number(/generation (\d+)/.exec(JSON.stringify(store.podReports()))?.[1] ?? 0),
    store.token('uid-1', 'api')?.issuedAtMs ?? 0,
  ];
  for (const number of numbers) {
    if (number < held.reports || number > held.objects) {
      throw new Error(`${said}, a report or token of generation ${number}`);
    }
  }
}

function migrationRound(file: string, random: Random, tally: Tally): void {
  const names = Array.from({ length: 20 }, (_, i) => `old-${i}`);
  const rows = names.map(
    (name) => `('ConfigMap', 'berlin', '${name}', 'u', 'v', '{"of":"${name}"}')`,
  );
  writeVersion1(file, `INSERT INTO object VALUES ${rows.join(',')};`);
  runWriter(file, 1, 1, random.below(3));
  const store = new SqliteStore(file, { sealer: makeSealer() });
  const found = store.objects().filter(({ name }) => name.startsWith('old-'));
  if (found.length !== names.length) throw new Error(`the migration lost objects: ${found.length}`);
  store.applyDelta([], found, false);
  store.close();
  tally.migrations += 1;
}

function runWriter(file: string, ...args: number[]): [number: number, walBytes: number][] {
  const { signal, stdout, stderr } = spawnSync(process.execPath, [
    writer,
    file,
    ...args.map(String),
  ]);
  if (signal !== 'SIGKILL') throw new Error(`the writer ended otherwise: ${stderr.toString()}`);
  const lines = stdout.toString().trim().split('\n').filter(Boolean);
  return lines.map((line) => {
    const [number = NaN, walBytes = NaN] = line.split(' ').map(Number);
    return [number, walBytes];
  });
}

/** Cuts or garbles what came after the last transaction that was synced, where the log has grown. */
function tearLog(file: string, syncedBytes: number, random: Random): boolean {
  const wal = `${file}-wal`;
  const { size } = statSync(wal);
  if (size <= syncedBytes) return false;
  const at = syncedBytes + random.below(size - syncedBytes);
  if (random.below(2) === 0) truncateSync(wal, at);
  else garble(wal, at, size - at);
  return true;
}

function garble(file: string, at: number, bytes: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(bytes, 0x5a), 0, bytes, at);
  closeSync(descriptor);
}

function generationOf(store: SqliteStore): number {
  const [object] = store.objects();
  return object === undefined ? 0 : Number(object.version.slice(1));
}

function sameObjects(store: SqliteStore, wanted: readonly { name: string }[]): boolean {
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  const found = store.objects().sort(byName);
  return JSON.stringify(found) === JSON.stringify([...wanted].sort(byName));
}
