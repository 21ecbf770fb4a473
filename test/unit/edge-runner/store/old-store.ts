import { DatabaseSync } from 'node:sqlite';

/** A store as the runner 0.1.0 wrote it: version 1, everything in plain text. */
export function writeVersion1(file: string, rows: string): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`
    CREATE TABLE object (kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
      uid TEXT NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL,
      PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
    CREATE TABLE pod_report (uid TEXT PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL,
      status TEXT NOT NULL, gone INTEGER NOT NULL, sent INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE event (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, body TEXT NOT NULL)
      WITHOUT ROWID;
    CREATE INDEX event_by_age ON event (at_ms);
    CREATE TABLE token (pod_uid TEXT NOT NULL, request TEXT NOT NULL, token TEXT NOT NULL,
      issued_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
      PRIMARY KEY (pod_uid, request)) WITHOUT ROWID;
    ${rows}
    PRAGMA user_version = 1;
  `);
  database.close();
}
