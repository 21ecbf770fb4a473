import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { RunnerError } from '../errors.ts';
import { systemCodeOf } from '../join/errors.ts';
import { knownPulls } from './known-pulls.ts';
import { maxSetAsideStores } from './limits.ts';
import { noteLoss } from './lost-store.ts';
import { SqliteStore } from './sqlite-store.ts';
import { copyOf } from './pull-copy.ts';
import { openDatabase, openingError, type SqliteFileOptions } from './sqlite-file.ts';

/** Ends of the names of SQLite's files; the database last, for it must never meet another's log. */
const companions = ['-wal', '-shm', '-journal', ''];

/**
 * Opens the store, readable by root alone. A damaged one, or one of another identity or site, is set aside as
 * `FILE.damaged-N` and begun anew: then it is not complete, and the pods that run are left alone
 * until the cloud has told everything.
 * @throws RunnerError `ALREADY_RUNNING`, `STORE_FAILED`, `STORE_NEWER`
 */
export function openStore(
  file: string,
  { log, ...options }: SqliteFileOptions & { log: Pick<Logger, 'error'> },
): SqliteStore {
  makePrivate(file);
  let isOpen = false;
  const onDamage = (error: RunnerError): void => {
    if (isOpen) options.onDamage?.(error);
  };
  const open = (): SqliteStore => {
    const store = new SqliteStore(file, { ...options, onDamage });
    isOpen = true;
    return store;
  };
  try {
    return open();
  } catch (error) {
    if (!(error instanceof RunnerError) || error.code !== 'STORE_DAMAGED') throw error;
    const keptAs = setAside(file);
    log.error(
      { err: error, keptAs },
      'the store could not be read: a new one is begun, running pods stay up, and the provider sends everything again',
    );
    makePrivate(file);
    return open();
  }
}

/**
 * Whether a runner has it open; changes nothing, so that it works on a read-only disk too.
 * @throws RunnerError `ALREADY_RUNNING`, `STORE_FAILED`
 */
export function refuseIfUsed(file: string): void {
  if (!existsSync(file)) return;
  const database = openDatabase(file, { readOnly: true });
  try {
    database.prepare('PRAGMA schema_version').all();
  } catch (cause) {
    const error = openingError(file, cause);
    if (error.code === 'ALREADY_RUNNING') throw error;
  } finally {
    database.close();
  }
}

/**
 * Keeps runners from the store, whatever is in it, until the result is called.
 * @throws RunnerError `ALREADY_RUNNING`, `STORE_FAILED`
 */
export function lockStore(file: string): () => void {
  if (!existsSync(file)) return () => undefined;
  const database = openDatabase(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT;');
  } catch (cause) {
    const error = openingError(file, cause);
    // Nobody can run on a damaged one.
    if (error.code !== 'STORE_DAMAGED') {
      database.close();
      throw error;
    }
  }
  return () => {
    database.close();
  };
}

/** Every file of stores at this place, those set aside and the copy of pulls included. */
export function storeFiles(file: string): string[] {
  const own = new Set([
    ...companions.map((end) => `${basename(file)}${end}`),
    basename(copyOf(file)),
  ]);
  const aside = `${basename(file)}.damaged-`;
  return namesIn(dirname(file))
    .filter((name) => own.has(name) || name.startsWith(aside))
    .map((name) => join(dirname(file), name));
}

/** SQLite gives what it makes beside the file the same mode. */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw unusable(file, error);
  }
  for (const end of companions) {
    try {
      chmodSync(`${file}${end}`, 0o600);
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw unusable(file, error);
    }
  }
}

/**
 * Keeps the file under another name, out of the next start's way, and no more than the newest few.
 * @returns that name
 * @throws RunnerError `STORE_FAILED`
 */
export function setAside(file: string): string {
  try {
    const before = setAsideNumbers(file);
    const number = Math.max(0, ...before) + 1;
    noteLoss(file, knownPulls(file));
    for (const end of companions) renameIfThere(`${file}${end}`, asideName(file, number, end));
    for (const old of before.slice(0, Math.max(0, before.length + 1 - maxSetAsideStores))) {
      for (const end of companions) rmSync(asideName(file, old, end), { force: true });
    }
    return asideName(file, number);
  } catch (error) {
    throw unusable(file, error);
  }
}

function asideName(file: string, number: number, end = ''): string {
  return `${file}.damaged-${number}${end}`;
}

/** Smallest first. */
function setAsideNumbers(file: string): number[] {
  const numbers = storeFiles(file).map((name) => Number(/\.damaged-(\d+)/.exec(name)?.[1] ?? 0));
  return [...new Set(numbers)].filter((number) => number > 0).sort((a, b) => a - b);
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function unusable(file: string, cause: unknown): RunnerError {
  const why = systemCodeOf(cause) ?? String(cause);
  return new RunnerError(
    'STORE_FAILED',
    `can't open the store ${file} (${why}): check the disk and its permissions`,
    { cause },
  );
}
