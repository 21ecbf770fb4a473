import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { RunnerError } from '../errors.ts';
import { maxKeptLogBytes } from './limits.ts';
import { schemaSteps } from './schema.ts';
import type { Sealer } from './sealer.ts';

/** A moment within a transaction at which the process may be killed. */
export type TransactionStep = 'begun' | 'written' | 'committed';

export interface SqliteFileOptions {
  sealer: Sealer;
  /**
   * SPIFFE ID of the site whose store it is: one key may have been given for several. A store that
   * doesn't say whose it is becomes this site's.
   */
  owner?: string;
  /** Called when the file turns out to be damaged after it was opened. */
  onDamage?: (error: RunnerError) => void;
  /** Of the schema; the newest unless a test is older. */
  steps?: readonly string[];
  /** Called at every step of every transaction: fault tests end the process there. */
  onStep?: (step: TransactionStep) => void;
}

type Value = string | number | Uint8Array;

/**
 * One SQLite file of this process alone: write-ahead log, synced to disk on every transaction, its
 * schema brought forward.
 */
export class SqliteFile {
  transactions = 0;
  /** Why the file is of no use any more, once that has shown. */
  damage: RunnerError | undefined;
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #onStep: (step: TransactionStep) => void;
  readonly #onDamage: (error: RunnerError) => void;
  readonly #statements = new Map<string, StatementSync>();
  #changes = 0;

  /**
   * @throws RunnerError `ALREADY_RUNNING` when another process has it open; `STORE_DAMAGED`;
   *   `STORE_NEWER`; `STORE_FAILED` when the file can't be opened.
   */
  constructor(file: string, options: SqliteFileOptions) {
    this.#file = file;
    this.#onStep = options.onStep ?? ((): void => undefined);
    this.#onDamage = options.onDamage ?? ((): void => undefined);
    this.#database = openDatabase(file);
    const steps = options.steps ?? schemaSteps;
    try {
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT;');
      const version = this.#version(steps.length);
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
      this.#database.exec(`PRAGMA journal_size_limit = ${maxKeptLogBytes}`);
      this.#checkIntegrity();
      if (version < steps.length) this.#migrate(version, steps, options.sealer);
    } catch (cause) {
      this.#database.close();
      throw cause instanceof RunnerError ? cause : openingError(file, cause);
    }
  }

  /** All of it, or nothing when it throws. @throws RunnerError `STORE_FAILED`, `STORE_DAMAGED` */
  transaction(body: () => void): void {
    this.#asStoreError(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        this.#changes = 0;
        this.#onStep('begun');
        body();
        this.#database.exec('COMMIT');
      } catch (error) {
        // A full disk makes SQLite roll back by itself.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
      if (this.#changes > 0) this.transactions += 1;
      this.#onStep('committed');
    });
  }

  all<Row>(sql: string, ...values: Value[]): Row[] {
    return this.#asStoreError(() => this.#prepared(sql).all(...values) as Row[]);
  }

  /** Within a transaction. */
  run(sql: string, ...values: Value[]): void {
    this.#changes += Number(this.#prepared(sql).run(...values).changes);
    this.#onStep('written');
  }

  /** That something in the file isn't what was written. `why` must not quote contents. */
  damaged(why: string, cause?: unknown): RunnerError {
    this.damage ??= damaged(this.#file, why, cause);
    this.#onDamage(this.damage);
    return this.damage;
  }

  close(): void {
    this.#database.close();
  }

  #checkIntegrity(): void {
    const [row] = this.all<{ quick_check: string }>('PRAGMA quick_check(1)');
    if (row?.quick_check !== 'ok') throw this.damaged(row?.quick_check ?? 'it cannot be checked');
  }

  #version(known: number): number {
    const [row] = this.all<{ user_version: number }>('PRAGMA user_version');
    const version = row?.user_version ?? 0;
    if (version <= known) return version;
    throw new RunnerError(
      'STORE_NEWER',
      `the store ${this.#file} was written by a newer runner (version ${version}, this one knows ${known}): install that runner again; or move the file away, and the running pods stay up until the provider has sent everything anew`,
    );
  }

  #migrate(version: number, steps: readonly string[], sealer: Sealer): void {
    this.#database.function('seal', (text, place) => sealer.seal(String(text), String(place)));
    // What was readable before must not stay in free pages, nor in the log.
    this.#database.exec('PRAGMA secure_delete = ON');
    for (const [index, step] of steps.entries()) {
      if (index < version) continue;
      this.transaction(() => {
        this.#database.exec(step);
        this.#database.exec(`PRAGMA user_version = ${index + 1}`);
        this.#onStep('written');
      });
    }
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA secure_delete = OFF');
  }

  #asStoreError<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (!isSqliteError(cause)) throw cause;
      if (isDamage(cause)) throw this.damaged(cause.message, cause);
      throw new RunnerError(
        'STORE_FAILED',
        `can't use the store ${this.#file}: ${cause.message}; check that the disk has room and works`,
        { cause },
      );
    }
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** @throws RunnerError `STORE_FAILED` */
export function openDatabase(file: string, options: { readOnly?: boolean } = {}): DatabaseSync {
  try {
    return new DatabaseSync(file, options);
  } catch (cause) {
    throw openingError(file, cause);
  }
}

/** What SQLite's refusal of a file means. */
export function openingError(file: string, cause: unknown): RunnerError {
  if (isSqliteError(cause) && primaryCode(cause) === sqliteCodes.busy) {
    return new RunnerError(
      'ALREADY_RUNNING',
      `another runner uses ${file}: stop it first, for a device needs only one`,
      { cause },
    );
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  if (isSqliteError(cause) && isDamage(cause)) return damaged(file, why, cause);
  return new RunnerError(
    'STORE_FAILED',
    `can't open the store ${file} (${why}): check the disk and its permissions`,
    { cause },
  );
}

function damaged(file: string, why: string, cause: unknown): RunnerError {
  return new RunnerError(
    'STORE_DAMAGED',
    `the store ${file} is damaged (${why}): start the runner again, and it sets the file aside`,
    { cause },
  );
}

/** Primary result codes of SQLite. */
const sqliteCodes = { error: 1, busy: 5, corrupt: 11, notADatabase: 26 };

/** Our statements have no fault of their own: where one doesn't fit, the schema is not what it was. */
function isDamage(error: SqliteError): boolean {
  const { error: misfit, corrupt, notADatabase } = sqliteCodes;
  return [misfit, corrupt, notADatabase].includes(primaryCode(error));
}

type SqliteError = Error & { errcode: number };

function primaryCode({ errcode }: SqliteError): number {
  return errcode & 0xff;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}
