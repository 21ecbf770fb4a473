import type { EventReport } from '../../protocol/report.ts';
import type { DesiredObject, HeldObject, RemovedObject } from '../../protocol/sync.ts';
import { maxStoredEvents } from '../report/limits.ts';
import type {
  EdgeStore,
  ReportChange,
  StoredImagePull,
  StoredPodReport,
  StoredToken,
} from './edge-store.ts';
import type { Sealer } from './sealer.ts';
import { SqliteFile, type SqliteFileOptions } from './sqlite-file.ts';

/** `EdgeStore` in one SQLite file; all but names and versions is sealed in it. */
export class SqliteStore implements EdgeStore {
  readonly #file: SqliteFile;
  readonly #sealer: Sealer;

  /**
   * Opens the store for this process alone, and reads all of it once.
   * @throws RunnerError `ALREADY_RUNNING`, `STORE_FAILED`, `STORE_NEWER`, or `STORE_DAMAGED`, which
   *   also is what a file under another key looks like, or one of another site than `owner`.
   */
  constructor(file: string, options: SqliteFileOptions) {
    this.#file = new SqliteFile(file, options);
    this.#sealer = options.sealer;
    try {
      this.#checkContents();
      if (options.owner !== undefined) this.#requireOwner(options.owner);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  get transactions(): number {
    return this.#file.transactions;
  }

  isComplete(): boolean {
    return this.#file.all("SELECT 1 FROM meta WHERE name = 'complete'").length > 0;
  }

  objects(): DesiredObject[] {
    const rows = this.#file.all<HeldObject & { body: Uint8Array }>('SELECT * FROM object');
    return rows.map(({ body, ...identity }) => ({
      ...identity,
      object: this.#open(body, placeOf(identity)) as DesiredObject['object'],
    }));
  }

  applyDelta(
    put: readonly DesiredObject[],
    remove: readonly RemovedObject[],
    complete: boolean,
  ): void {
    this.#file.transaction(() => {
      for (const { kind, namespace, name } of remove) {
        const sql = 'DELETE FROM object WHERE kind = ? AND namespace = ? AND name = ?';
        this.#file.run(sql, kind, namespace, name);
      }
      for (const { object, ...identity } of put) {
        const { kind, namespace, name, uid, version } = identity;
        this.#file.run(
          'INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?)',
          ...[kind, namespace, name, uid, version, this.#seal(object, placeOf(identity))],
        );
      }
      if (complete) this.#file.run("INSERT OR IGNORE INTO meta VALUES ('complete', x'01')");
    });
  }

  podReports(): StoredPodReport[] {
    interface Row {
      uid: string;
      namespace: string;
      name: string;
      status: Uint8Array;
      gone: number;
      sent: number;
    }
    return this.#file.all<Row>('SELECT * FROM pod_report').map((row) => ({
      ...row,
      status: this.#open(row.status, `pod-report/${row.uid}`) as StoredPodReport['status'],
      gone: row.gone === 1,
      sent: row.sent === 1,
    }));
  }

  events(): EventReport[] {
    const sql = 'SELECT id, body FROM event ORDER BY sequence';
    return this.#file
      .all<{ id: string; body: Uint8Array }>(sql)
      .map(({ id, body }) => this.#open(body, `event/${id}`) as EventReport);
  }

  writeReports(change: ReportChange): void {
    this.#file.transaction(() => {
      for (const { uid, namespace, name, status, gone, sent } of change.pods) {
        this.#file.run(
          'INSERT OR REPLACE INTO pod_report VALUES (?, ?, ?, ?, ?, ?)',
          ...[uid, namespace, name, this.#seal(status, `pod-report/${uid}`)],
          ...[Number(gone), Number(sent)],
        );
      }
      for (const uid of change.forgottenPods) {
        this.#file.run('DELETE FROM pod_report WHERE uid = ?', uid);
      }
      for (const event of change.events) {
        this.#file.run(
          'INSERT OR REPLACE INTO event (id, body) VALUES (?, ?)',
          ...[event.id, this.#seal(event, `event/${event.id}`)],
        );
      }
      for (const id of change.sentEvents) this.#file.run('DELETE FROM event WHERE id = ?', id);
      this.#file.run(
        'DELETE FROM event WHERE sequence IN (SELECT sequence FROM event ORDER BY sequence DESC LIMIT -1 OFFSET ?)',
        maxStoredEvents,
      );
    });
  }

  token(podUid: string, request: string): StoredToken | undefined {
    const [row] = this.#file.all<{ body: Uint8Array }>(
      'SELECT body FROM token WHERE pod_uid = ? AND request = ?',
      ...[podUid, request],
    );
    return row && (this.#open(row.body, `token/${podUid}/${request}`) as StoredToken);
  }

  writeToken(podUid: string, request: string, token: StoredToken): void {
    const body = this.#seal(token, `token/${podUid}/${request}`);
    this.#file.transaction(() => {
      this.#file.run('INSERT OR REPLACE INTO token VALUES (?, ?, ?)', podUid, request, body);
    });
  }

  forgetTokens(podUid: string): void {
    this.#file.transaction(() => {
      this.#file.run('DELETE FROM token WHERE pod_uid = ?', podUid);
    });
  }

  imagePulls(): StoredImagePull[] {
    return this.#file
      .all<{ key: string; body: Uint8Array }>('SELECT key, body FROM image_pull')
      .map(({ key, body }) => ({
        key,
        access: this.#open(body, `image-pull/${key}`) as StoredImagePull['access'],
      }));
  }

  changeImagePulls(put: readonly StoredImagePull[], forget: readonly string[]): void {
    this.#file.transaction(() => {
      for (const key of forget) this.#file.run('DELETE FROM image_pull WHERE key = ?', key);
      for (const { key, access } of put) {
        const body = this.#seal(access, `image-pull/${key}`);
        this.#file.run('INSERT OR REPLACE INTO image_pull VALUES (?, ?)', key, body);
      }
    });
  }

  /**
   * Takes all that another store holds into this one, which is empty. What makes it complete comes
   * last: one that broke off is as good as empty.
   * @throws RunnerError `STORE_FAILED`, `STORE_DAMAGED`
   */
  copyFrom(other: SqliteStore): void {
    const [pods, events] = [other.podReports(), other.events()];
    this.writeReports({ pods, events, forgottenPods: [], sentEvents: [] });
    this.changeImagePulls(other.imagePulls(), []);
    for (const { pod_uid, request } of other.#tokenRows()) {
      const token = other.token(pod_uid, request);
      if (token !== undefined) this.writeToken(pod_uid, request, token);
    }
    this.applyDelta(other.objects(), [], other.isComplete());
  }

  close(): void {
    this.#file.close();
  }

  /** Damage within a row shows only when it is opened. */
  #checkContents(): void {
    const [key] = this.#file.all<{ value: Uint8Array }>(
      "SELECT value FROM meta WHERE name = 'key'",
    );
    if (key === undefined) throw this.#file.damaged('it does not say by which key it is sealed');
    this.#unseal(key.value, 'meta/key');
    this.objects();
    this.podReports();
    this.events();
    this.imagePulls();
    for (const { pod_uid, request } of this.#tokenRows()) this.token(pod_uid, request);
  }

  #tokenRows(): { pod_uid: string; request: string }[] {
    return this.#file.all('SELECT pod_uid, request FROM token');
  }

  #requireOwner(owner: string): void {
    const [row] = this.#file.all<{ value: Uint8Array }>(
      "SELECT value FROM meta WHERE name = 'owner'",
    );
    if (row === undefined) {
      this.#file.transaction(() => {
        this.#file.run("INSERT INTO meta VALUES ('owner', ?)", this.#seal(owner, 'meta/owner'));
      });
    } else if (this.#open(row.value, 'meta/owner') !== owner) {
      throw this.#file.damaged('it is of another site');
    }
  }

  #seal(value: unknown, place: string): Uint8Array {
    return this.#sealer.seal(JSON.stringify(value), place);
  }

  #open(sealed: Uint8Array, place: string): unknown {
    return JSON.parse(this.#unseal(sealed, place));
  }

  #unseal(sealed: Uint8Array, place: string): string {
    try {
      return this.#sealer.open(sealed, place);
    } catch (cause) {
      const why =
        place === 'meta/key' ? 'it is sealed by the key of another identity' : `at ${place}`;
      throw this.#file.damaged(why, cause);
    }
  }
}

function placeOf({ kind, namespace, name, uid, version }: HeldObject): string {
  return ['object', kind, namespace, name, uid, version].join('/');
}
