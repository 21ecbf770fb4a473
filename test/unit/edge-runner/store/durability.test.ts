import t from 'tap';
import { SqliteFile } from '../../../../src/edge-runner/store/sqlite-file.ts';
import { makeSealer, temporaryFile } from './fixture.ts';

void t.test('every transaction is synced to the disk, in a log, by one process alone', (t) => {
  const file = new SqliteFile(temporaryFile(t), { sealer: makeSealer() });
  t.teardown(() => {
    file.close();
  });
  // sqlite.org/pragma.html: 2 is FULL, which with a write-ahead log syncs it after each transaction.
  t.same(file.all('PRAGMA synchronous'), [{ synchronous: 2 }]);
  t.same(file.all('PRAGMA journal_mode'), [{ journal_mode: 'wal' }]);
  t.same(file.all('PRAGMA locking_mode'), [{ locking_mode: 'exclusive' }]);
  t.end();
});
