import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openKeyFile } from '../../../../src/edge-runner/store/key-file.ts';

void t.test('a key is made once, for nobody else to read, and the same afterwards', async (t) => {
  const path = join(t.testdir({}), 'state/store.key');
  const first = (await openKeyFile(path)).derive('store');
  t.equal(first.length, 32);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.strictSame((await openKeyFile(path)).derive('store'), first);
  t.notSame((await openKeyFile(path)).derive('other'), first);
  t.notSame(first, readFileSync(path), 'the secret itself is no key');
});

void t.test('one that is damaged is not used, and not replaced', async (t) => {
  const path = join(t.testdir({ 'store.key': 'short' }), 'store.key');
  await t.rejects(openKeyFile(path), { code: 'STORE_FAILED', message: /is damaged: restore it/ });
  t.equal(readFileSync(path, 'utf8'), 'short');
  writeFileSync(path, Buffer.alloc(32));
  await openKeyFile(path);
});
