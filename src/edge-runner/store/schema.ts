/**
 * Schema of the store, one step per version; `PRAGMA user_version` is the number of steps taken.
 * A step that was released is never changed, only followed by another. `seal(text, place)` is the
 * store's sealer.
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

  // Contents are sealed; events keep the order in which they were written, whatever the clock said.
  // A store that holds an object has heard the cloud.
  `
  ALTER TABLE object RENAME TO plain_object;
  ALTER TABLE pod_report RENAME TO plain_pod_report;
  ALTER TABLE event RENAME TO plain_event;
  ALTER TABLE token RENAME TO plain_token;

  CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  INSERT INTO meta VALUES ('key', seal('towline', 'meta/key'));
  INSERT INTO meta SELECT 'complete', x'01' FROM plain_object LIMIT 1;

  CREATE TABLE object (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    version TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, namespace, name)
  ) WITHOUT ROWID;
  INSERT INTO object SELECT kind, namespace, name, uid, version,
    seal(body, 'object/' || kind || '/' || namespace || '/' || name || '/' || uid || '/' || version)
    FROM plain_object;

  CREATE TABLE pod_report (
    uid TEXT PRIMARY KEY,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    status BLOB NOT NULL,
    gone INTEGER NOT NULL,
    sent INTEGER NOT NULL
  ) WITHOUT ROWID;
  INSERT INTO pod_report SELECT uid, namespace, name, seal(status, 'pod-report/' || uid), gone, sent
    FROM plain_pod_report;

  CREATE TABLE event (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
  INSERT INTO event (id, body) SELECT id, seal(body, 'event/' || id) FROM plain_event ORDER BY at_ms;

  CREATE TABLE token (
    pod_uid TEXT NOT NULL,
    request TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (pod_uid, request)
  ) WITHOUT ROWID;
  INSERT INTO token SELECT pod_uid, request,
    seal(
      json_object('token', token, 'issuedAtMs', issued_at_ms, 'expiresAtMs', expires_at_ms),
      'token/' || pod_uid || '/' || request
    ) FROM plain_token;

  DROP TABLE plain_object;
  DROP TABLE plain_pod_report;
  DROP TABLE plain_event;
  DROP TABLE plain_token;
  `,

  // By whose credentials images were pulled. Those that are there already are open to every pod.
  `
  CREATE TABLE image_pull (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
  `,
];
