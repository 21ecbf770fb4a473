import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './lab-error.ts';
import type { Progress } from './progress.ts';

const pollMs = 200;
/** SQLITE_BUSY: another connection holds the lock. */
const sqliteBusy = 5;

/**
 * Runs `work` while holding the lock at `path`. The lock is SQLite's own exclusive file lock: the
 * kernel drops it when its holder dies, however it dies, so there are no stale ones to detect. The
 * holder's pid is written beside it, for the line that tells a waiter whom it waits for.
 *
 * @throws LabError `aborted` when the signal fires while waiting; whatever `work` throws.
 */
export async function withFileLock<T>(
  path: string,
  options: { readonly progress: Progress; readonly signal?: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const lock = new DatabaseSync(path);
  try {
    let told = false;
    while (!tryLock(lock)) {
      if (options.signal?.aborted === true) {
        throw new LabError('aborted', `stopped waiting for ${path}`);
      }
      if (!told) {
        told = true;
        const holder = await readFile(`${path}-holder`, 'utf8').catch(() => 'another process');
        options.progress(`waiting for ${holder}, which is making ${basename(path, '.lock')}`);
      }
      await sleep(pollMs);
    }
    await writeFile(`${path}-holder`, `process ${process.pid}`);
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) {
      return false;
    }
    throw error;
  }
}
