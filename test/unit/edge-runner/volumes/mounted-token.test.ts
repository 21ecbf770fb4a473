import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { maxMountedTokenBytes } from '../../../../src/edge-runner/volumes/limits.ts';
import { mountedToken } from '../../../../src/edge-runner/volumes/mounted-token.ts';
import { PodLayout } from '../../../../src/edge-runner/volumes/pod-layout.ts';
import { makePod } from '../pod/make-observed.ts';

const projection = { path: 'here/token', audience: 'vault' };
const volume = { name: 't', projected: { sources: [{ serviceAccountToken: projection }] } };
const pod = makePod({ volumes: [volume] });

void t.test('only a plain file of the pod’s own volume is its token', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'towline-token-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const layout = new PodLayout({ rootDir: join(dir, 'disk'), memoryDir: join(dir, 'memory') });
  const read = (): Promise<string | undefined> => mountedToken(layout, pod, projection);
  t.equal(await read(), undefined, 'there is no volume');

  const folder = join(layout.volumeDir(pod, volume), 'here');
  const file = join(folder, 'token');
  await mkdir(folder, { recursive: true });
  await writeFile(file, 'a token');
  t.equal(await read(), 'a token');
  t.equal(await mountedToken(layout, pod, { path: 'here/token' }), undefined, 'another request');
  await writeFile(file, Buffer.alloc(maxMountedTokenBytes + 1));
  t.equal(await read(), undefined, 'too large');
  await writeFile(file, '');
  t.equal(await read(), undefined, 'empty');

  await writeFile(join(dir, 'secret'), 'of the device');
  await rm(file);
  await symlink(join(dir, 'secret'), file);
  t.equal(await read(), undefined, 'it leads elsewhere');
  await rm(file);
  await mkdir(file);
  t.equal(await read(), undefined, 'a folder');
});
