import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { SqliteStore } from '../../../src/edge-runner/store/sqlite-store.ts';
import { LinuxMounter } from '../../../src/edge-runner/volumes/linux-mounter.ts';
import { makeSealer } from '../../unit/edge-runner/store/fixture.ts';
import type { DesiredObject } from '../../../src/protocol/sync.ts';

const dir = await mkdtemp(join(tmpdir(), 'towline-full-'));
const mounter = new LinuxMounter();
await mounter.tmpfs(dir, { mode: 0o700, sizeBytes: 1024 * 1024 });
t.teardown(async () => {
  await mounter.unmount(dir);
  await rmdir(dir);
});

function object(name: string, bytes: number): DesiredObject {
  const identity = { kind: 'ConfigMap', namespace: 'berlin', name, uid: name } as const;
  return { ...identity, version: '1', object: { metadata: { name }, data: 'x'.repeat(bytes) } };
}

void t.test('a full disk fails a write in one sentence, changes nothing, and heals', async (t) => {
  const store = new SqliteStore(join(dir, 'store.db'), { sealer: makeSealer() });
  store.applyDelta([object('small', 100)], [], true);
  const ballast = join(dir, 'ballast');
  await writeFile(ballast, Buffer.alloc(600 * 1024));
  for (let round = 0; round < 3; round += 1) {
    t.throws(
      () => {
        store.applyDelta([object('small', 50), object('large', 900 * 1024)], [], true);
      },
      { code: 'STORE_FAILED', message: /store\.db: .*full.*; check that the disk has room/ },
    );
    t.same(store.objects(), [object('small', 100)]);
  }
  await rm(ballast);
  store.applyDelta([object('large', 100 * 1024)], [], true);
  t.equal(store.objects().length, 2);
  store.close();
  const again = new SqliteStore(join(dir, 'store.db'), { sealer: makeSealer() });
  t.equal(again.objects().length, 2);
  again.close();
});
