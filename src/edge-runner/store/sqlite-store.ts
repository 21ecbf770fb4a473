import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { EventReport } from '../../protocol/report.ts';
import type { DesiredObject, HeldObject, RemovedObject } from '../../protocol/sync.ts';
import { RunnerError } from '../errors.ts';
import { maxStoredEvents } from '../limits.ts';
import type { EdgeStore, ReportChange, StoredPodReport, StoredToken } from './edge-store.ts';
import { schemaSteps } from './schema.ts';

/** `EdgeStore` in one SQLite file: write-ahead log, synced to disk on every transaction. */
export class SqliteStore implements EdgeStore {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Opens the store for this process alone.
   * @throws RunnerError `ALREADY_RUNNING` when another process has it open; `STORE_FAILED` when the
   *   file can't be opened or is of a newer version.
   */
  constructor(file: string) {
    this.#file = file;
    const database = openDatabase(file);
    this.#database = database;
    try {
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;');
      this.#database.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT;');
      this.#migrate(file);
    } catch (cause) {
      database.close();
      throw cause instanceof RunnerError ? cause : openingError(file, cause);
    }
  }

  held(): HeldObject[] {
    return this.#all<HeldObject>('SELECT kind, namespace, name, uid, version FROM object');
  }

  objects(): DesiredObject[] {
    return this.#all<HeldObject & { body: string }>('SELECT * FROM object').map(
      ({ body, ...identity }) => ({
        ...identity,
        object: JSON.parse(body) as DesiredObject['object'],
      }),
    );
  }

  applyDelta(put: readonly DesiredObject[], remove: readonly RemovedObject[]): void {
    this.#transaction(() => {
      for (const object of remove) {
        this.#run(
          'DELETE FROM object WHERE kind = ? AND namespace = ? AND name = ?',
          object.kind,
          object.namespace,
          object.name,
        );
      }
      for (const { kind, namespace, name, uid, version, object } of put) {
        this.#run(
          'INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?)',
          ...[kind, namespace, name, uid, version, JSON.stringify(object)],
        );
      }
    });
  }

  podReports(): StoredPodReport[] {
    interface Row {
      uid: string;
      namespace: string;
      name: string;
      status: string;
      gone: number;
      sent: number;
    }
    return this.#all<Row>('SELECT * FROM pod_report').map((row) => ({
      ...row,
      status: JSON.parse(row.status) as StoredPodReport['status'],
      gone: row.gone === 1,
      sent: row.sent === 1,
    }));
  }

  events(): EventReport[] {
    return this.#all<{ body: string }>('SELECT body FROM event ORDER BY at_ms').map(
      ({ body }) => JSON.parse(body) as EventReport,
    );
  }

  writeReports(change: ReportChange): void {
    this.#transaction(() => {
      for (const { uid, namespace, name, status, gone, sent } of change.pods) {
        this.#run(
          'INSERT OR REPLACE INTO pod_report VALUES (?, ?, ?, ?, ?, ?)',
          ...[uid, namespace, name, JSON.stringify(status), Number(gone), Number(sent)],
        );
      }
      for (const uid of change.forgottenPods) {
        this.#run('DELETE FROM pod_report WHERE uid = ?', uid);
      }
      for (const event of change.events) {
        this.#run(
          'INSERT OR REPLACE INTO event VALUES (?, ?, ?)',
          ...[event.id, Date.parse(event.lastTimestamp), JSON.stringify(event)],
        );
      }
      for (const id of change.sentEvents) this.#run('DELETE FROM event WHERE id = ?', id);
      this.#run(
        'DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY at_ms DESC LIMIT -1 OFFSET ?)',
        maxStoredEvents,
      );
    });
  }

  token(podUid: string, request: string): StoredToken | undefined {
    interface Row {
      token: string;
      issued_at_ms: number;
      expires_at_ms: number;
    }
    const [row] = this.#all<Row>(
      'SELECT token, issued_at_ms, expires_at_ms FROM token WHERE pod_uid = ? AND request = ?',
      podUid,
      request,
    );
    if (row === undefined) return undefined;
    return { token: row.token, issuedAtMs: row.issued_at_ms, expiresAtMs: row.expires_at_ms };
  }

  writeToken(podUid: string, request: string, token: StoredToken): void {
    this.#run(
      'INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?)',
      ...[podUid, request, token.token, token.issuedAtMs, token.expiresAtMs],
    );
  }

  forgetTokens(podUid: string): void {
    this.#run('DELETE FROM token WHERE pod_uid = ?', podUid);
  }

  close(): void {
    this.#database.close();
  }

  #migrate(file: string): void {
    const [row] = this.#all<{ user_version: number }>('PRAGMA user_version');
    const version = row?.user_version ?? 0;
    if (version > schemaSteps.length) {
      throw new RunnerError(
        'STORE_FAILED',
        `the store ${file} was written by a newer runner (version ${version}, this one knows ${schemaSteps.length}); upgrade the runner`,
      );
    }
    for (const [index, step] of schemaSteps.entries()) {
      if (index < version) continue;
      this.#transaction(() => {
        this.#database.exec(step);
        this.#database.exec(`PRAGMA user_version = ${index + 1}`);
      });
    }
  }

  #transaction(body: () => void): void {
    this.#asStoreError(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        body();
        this.#database.exec('COMMIT');
      } catch (error) {
        // A full disk makes SQLite roll back by itself.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #asStoreError<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (!isSqliteError(cause)) throw cause;
      throw new RunnerError(
        'STORE_FAILED',
        `can't use the store ${this.#file}: ${cause.message}; check that the disk has room and works`,
        { cause },
      );
    }
  }

  #all<Row>(sql: string, ...values: (string | number)[]): Row[] {
    return this.#asStoreError(() => this.#prepared(sql).all(...values) as Row[]);
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#asStoreError(() => this.#prepared(sql).run(...values));
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

function openDatabase(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file);
  } catch (cause) {
    throw openingError(file, cause);
  }
}

function openingError(file: string, cause: unknown): RunnerError {
  if (isSqliteError(cause) && cause.errcode === sqliteBusy) {
    return new RunnerError(
      'ALREADY_RUNNING',
      `another runner uses ${file}: stop it first, for a device needs only one`,
      { cause },
    );
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RunnerError(
    'STORE_FAILED',
    `can't open the store ${file} (${why}): check the disk and its permissions; if the file is damaged, move it away, and the pods are started anew once the provider is reached`,
    { cause },
  );
}

/** SQLITE_BUSY: somebody else holds the file. */
const sqliteBusy = 5;

function isSqliteError(error: unknown): error is Error & { errcode: number } {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}
