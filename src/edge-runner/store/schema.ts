/**
 * Schema of the store, one step per version; `PRAGMA user_version` is the number of steps taken.
 * A step that was released is never changed, only followed by another.
 */
export const schemaSteps: readonly string[] = [
  `
  CREATE TABLE object (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    version TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, namespace, name)
  ) WITHOUT ROWID;
  CREATE TABLE pod_report (
    uid TEXT PRIMARY KEY,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    gone INTEGER NOT NULL,
    sent INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE event (
    id TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX event_by_age ON event (at_ms);
  CREATE TABLE token (
    pod_uid TEXT NOT NULL,
    request TEXT NOT NULL,
    token TEXT NOT NULL,
    issued_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (pod_uid, request)
  ) WITHOUT ROWID;
  `,
];
