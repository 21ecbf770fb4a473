import { copyFileSync, existsSync, rmSync } from 'node:fs';
import type { Logger } from 'pino';
import type { EventReport } from '../../protocol/report.ts';
import type { DesiredObject, RemovedObject } from '../../protocol/sync.ts';
import { digestOf } from '../../protocol/digest.ts';
import { RunnerError } from '../errors.ts';
import type {
  EdgeStore,
  ReportChange,
  StoredImagePull,
  StoredPodReport,
  StoredToken,
} from './edge-store.ts';
import { maxReopenDelayMs, minReopenDelayMs } from './limits.ts';
import { forgetLoss, wasLost } from './lost-store.ts';
import { openStore, refuseIfUsed } from './open-store.ts';
import type { SqliteFileOptions } from './sqlite-file.ts';
import { SqliteStore } from './sqlite-store.ts';

export interface StandInOptions extends SqliteFileOptions {
  /** Where a copy can be held, in memory. */
  copyFile: string;
  /** Called when the file that can be written again holds something else than was read from it. */
  onReplaced: (error: RunnerError) => void;
  /** Monotonic. */
  nowMs?: () => number;
  log: Pick<Logger, 'error' | 'info'>;
}

/**
 * Opens the store; where it can't be written (a read-only or full disk, say) a stand-in, so that the
 * pods that it holds run all the same.
 * @throws RunnerError `ALREADY_RUNNING`, `STORE_NEWER`; `STORE_FAILED` when it can't be read either
 */
export function openOrStandIn(file: string, options: StandInOptions): EdgeStore {
  try {
    return openStore(file, options);
  } catch (error) {
    if (!(error instanceof RunnerError) || error.code !== 'STORE_FAILED') throw error;
    options.log.error(
      { err: error },
      'the store can not be written: pods run by what it holds, and nothing new is taken from the provider until it can',
    );
    return new StandInStore(file, options);
  }
}

/**
 * The contents of a store whose file can't be written, read from a copy. Each write tries the file
 * again, unless that was just now, and fails with `STORE_FAILED`, until it works: from then on this is
 * the store itself. A file that got damaged meanwhile is begun anew with what is here.
 */
export class StandInStore implements EdgeStore {
  readonly #file: string;
  readonly #options: StandInOptions;
  readonly #copy: SqliteStore;
  #store: SqliteStore | undefined;
  #isUnread = false;
  #failure: { error: unknown; delayMs: number; untilMs: number } | undefined;

  /** @throws RunnerError `ALREADY_RUNNING`, `STORE_NEWER`, `STORE_FAILED` */
  constructor(file: string, options: StandInOptions) {
    this.#file = file;
    this.#options = options;
    refuseIfUsed(file);
    refuseIfUsed(options.copyFile);
    this.#copy = this.#openCopy();
  }

  get transactions(): number {
    return this.#store?.transactions ?? 0;
  }

  /** Whether the file was damaged, so that nothing of it is here. */
  get isUnread(): boolean {
    return this.#isUnread;
  }

  isComplete(): boolean {
    return this.#readable.isComplete();
  }

  objects(): DesiredObject[] {
    return this.#readable.objects();
  }

  applyDelta(
    put: readonly DesiredObject[],
    remove: readonly RemovedObject[],
    complete: boolean,
  ): void {
    this.#writable().applyDelta(put, remove, complete);
  }

  podReports(): StoredPodReport[] {
    return this.#readable.podReports();
  }

  events(): EventReport[] {
    return this.#readable.events();
  }

  writeReports(change: ReportChange): void {
    this.#writable().writeReports(change);
  }

  token(podUid: string, request: string): StoredToken | undefined {
    return this.#readable.token(podUid, request);
  }

  writeToken(podUid: string, request: string, token: StoredToken): void {
    this.#writable().writeToken(podUid, request, token);
  }

  forgetTokens(podUid: string): void {
    this.#writable().forgetTokens(podUid);
  }

  imagePulls(): StoredImagePull[] {
    return this.#readable.imagePulls();
  }

  changeImagePulls(put: readonly StoredImagePull[], forget: readonly string[]): void {
    this.#writable().changeImagePulls(put, forget);
  }

  close(): void {
    if (this.#store === undefined) this.#closeCopy();
    else this.#store.close();
  }

  get #readable(): SqliteStore {
    return this.#store ?? this.#copy;
  }

  #openCopy(): SqliteStore {
    const { sealer, copyFile, log } = this.#options;
    removeCopy(copyFile);
    try {
      for (const end of copiedEnds) copyIfThere(`${this.#file}${end}`, `${copyFile}${end}`);
      return new SqliteStore(copyFile, { sealer });
    } catch (error) {
      if (!(error instanceof RunnerError)) throw unreadable(this.#file, error);
      if (error.code !== 'STORE_DAMAGED') throw error;
      log.error({ err: error }, 'the store could not be read: running pods stay up');
      this.#isUnread = true;
      return new SqliteStore(':memory:', { sealer });
    }
  }

  #writable(): SqliteStore {
    if (this.#store !== undefined) return this.#store;
    const nowMs = (this.#options.nowMs ?? performance.now.bind(performance))();
    if (this.#failure !== undefined && nowMs < this.#failure.untilMs) throw this.#failure.error;
    try {
      this.#store = this.#reopen();
    } catch (error) {
      const delayMs = Math.min(
        this.#failure === undefined ? minReopenDelayMs : this.#failure.delayMs * 2,
        maxReopenDelayMs,
      );
      this.#failure = { error, delayMs, untilMs: nowMs + delayMs };
      throw error;
    }
    this.#closeCopy();
    this.#options.log.info('the store can be written again');
    return this.#store;
  }

  #reopen(): SqliteStore {
    const wasLostBefore = wasLost(this.#file);
    const store = openStore(this.#file, this.#options);
    try {
      if (isFresh(store) && this.#copy.isComplete()) {
        store.copyFrom(this.#copy);
        // All that the lost one knew is here.
        if (!wasLostBefore) forgetLoss(this.#file);
      }
      const isLost = !wasLostBefore && wasLost(this.#file);
      if (isSame(store, this.#copy) && !isLost) return store;
    } catch (error) {
      store.close();
      throw error instanceof RunnerError ? error : unreadable(this.#file, error);
    }
    store.close();
    const error = replaced(this.#file);
    this.#options.onReplaced(error);
    throw error;
  }

  #closeCopy(): void {
    this.#copy.close();
    removeCopy(this.#options.copyFile);
  }
}

/** Of SQLite's files those that hold what was written. */
const copiedEnds = ['', '-wal'];

function copyIfThere(from: string, to: string): void {
  if (existsSync(from)) copyFileSync(from, to);
}

function removeCopy(file: string): void {
  for (const end of ['-wal', '-shm', '-journal', '']) rmSync(`${file}${end}`, { force: true });
}

function isSame(store: SqliteStore, copy: SqliteStore): boolean {
  return (
    store.isComplete() === copy.isComplete() &&
    digestOf(store.objects()) === digestOf(copy.objects())
  );
}

function isFresh(store: SqliteStore): boolean {
  return !store.isComplete() && store.objects().length === 0;
}

function unreadable(file: string, cause: unknown): RunnerError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RunnerError('STORE_FAILED', `can't read the store ${file} (${why}): check the disk`, {
    cause,
  });
}

function replaced(file: string): RunnerError {
  return new RunnerError(
    'STORE_FAILED',
    `the store ${file} is another one than at the start: the runner must start again; running pods stay up`,
  );
}
