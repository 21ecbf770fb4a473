import { createServer } from 'node:net';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { Pod } from '../../../../src/kube/api.ts';
import { memoryVolumeBytes } from '../../../../src/edge-runner/volumes/empty-dir.ts';
import { ensureMemoryDir } from '../../../../src/edge-runner/volumes/memory-dir.ts';
import { PodVolumes } from '../../../../src/edge-runner/volumes/pod-volumes.ts';
import { configMap, makeDevice, needsRoot, podWith, volume, type Device } from './device.ts';

async function mountsOf(device: Device): Promise<string[]> {
  const points = await device.mount.mountPoints();
  return points.filter((point) => point.startsWith(device.root) && point !== device.memoryDir);
}

void t.test('an emptyDir is there for anybody, and keeps what is in it', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const pod = podWith([volume('e', { emptyDir: {} })]);
  const directory = (await device.volumes.prepare(pod, device.sources)).get('e')?.hostPath ?? '';
  t.equal(directory, join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~empty-dir/e'));
  t.equal((await stat(directory)).mode & 0o7777, 0o777);
  await writeFile(join(directory, 'kept'), 'x');
  await device.volumes.prepare(pod, device.sources);
  t.same(await readdir(directory), ['kept']);
});

void t.test('an emptyDir in memory is a tmpfs of its size, mounted once', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const pod = podWith([volume('m', { emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } })]);
  const directory = (await device.volumes.prepare(pod, device.sources)).get('m')?.hostPath ?? '';
  const { type, bsize, blocks } = await statfs(directory);
  t.equal(type, 0x01021994);
  t.equal(bsize * blocks, 2 * 1024 * 1024);
  t.equal((await stat(directory)).mode & 0o7777, 0o1777);
  await t.rejects(writeFile(join(directory, 'big'), Buffer.alloc(3 * 1024 * 1024)), {
    code: 'ENOSPC',
  });
  await rm(join(directory, 'big'));
  await writeFile(join(directory, 'kept'), 'x');
  const next = new PodVolumes({ ...device, log: { warn: () => undefined } });
  await next.prepare(pod, device.sources);
  t.same(await mountsOf(device), [directory]);
  t.equal(await readFile(join(directory, 'kept'), 'utf8'), 'x');
});

void t.test('the size of an emptyDir in memory is the least of what bounds it', (t) => {
  const size = (
    sizeLimit: string | undefined,
    limits: (string | undefined)[],
  ): number | undefined => {
    const source = volume('m', {
      emptyDir: { medium: 'Memory', ...(sizeLimit ? { sizeLimit } : {}) },
    });
    const containers = limits.map((memory, index) => ({
      name: `c${index}`,
      ...(memory ? { resources: { limits: { memory } } } : {}),
    }));
    return memoryVolumeBytes(podWith([source], { containers }), source, { memory: '1000' });
  };
  t.equal(size(undefined, [undefined]), 1000);
  t.equal(size('100', [undefined]), 100);
  t.equal(size('0', ['200']), 200);
  t.equal(size('500', ['200', '200']), 400);
  t.equal(size('5k', ['200', undefined]), 1000);
  t.equal(memoryVolumeBytes(podWith([]), volume('m', { emptyDir: {} }), {}), undefined);
  t.end();
});

void t.test('a hostPath is checked, or made, as its type says', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const at = (name: string): string => join(device.root, name);
  await mkdir(at('dir'));
  await writeFile(at('file'), '');
  await symlink(at('dir'), at('link'));
  await promisify(execFile)('mknod', [at('char'), 'c', '1', '3']);
  await promisify(execFile)('mknod', [at('block'), 'b', '7', '0']);
  const server = createServer().listen(at('socket'));
  await once(server, 'listening');
  t.teardown(() => server.close());
  const prepare = (path: string, type: string): Promise<unknown> =>
    device.volumes.prepare(podWith([volume('h', { hostPath: { path, type } })]), device.sources);
  const words = {
    Directory: 'directory',
    File: 'file',
    Socket: 'socket file',
    CharDevice: 'character device',
    BlockDevice: 'block device',
  };
  const matching = {
    Directory: 'dir',
    File: 'file',
    Socket: 'socket',
    CharDevice: 'char',
    BlockDevice: 'block',
  };
  for (const [type, is] of Object.entries(words)) {
    for (const [other, name] of [...Object.entries(matching), ['none', 'none'] as const]) {
      const path = at(name);
      if (other === type) {
        await prepare(path, type);
        continue;
      }
      const message = `MountVolume.SetUp failed for volume "h" : hostPath type check failed: ${path} is not a ${is}`;
      await t.rejects(prepare(path, type), { code: 'SETUP_FAILED', message }, `${name} as ${type}`);
    }
  }
  await prepare(at('none'), '');
  await prepare(at('link'), 'Directory');
  await prepare(at('made/deep'), 'DirectoryOrCreate');
  t.equal((await stat(at('made/deep'))).mode & 0o7777, 0o755);
  await prepare(at('made/file'), 'FileOrCreate');
  t.equal((await stat(at('made/file'))).mode & 0o7777, 0o644);
  await prepare(at('file'), 'FileOrCreate');
  await t.rejects(prepare(at('file'), 'DirectoryOrCreate'), { message: /is not a directory/ });
  await t.rejects(prepare(at('dir'), 'FileOrCreate'), { message: /is not a file/ });
  await t.rejects(prepare(`${device.root}/x/../dir`, ''), { message: /must not contain '\.\.'/ });
  await t.rejects(prepare('dir', ''), { message: /must be absolute/ });
});

void t.test('what a container gets to mount', needsRoot, async (t) => {
  const device = await makeDevice(t);
  device.objects.set('configmap/shop/settings', configMap('settings', { color: 'red' }));
  const pod = podWith([
    volume('c', { configMap: { name: 'settings' } }),
    volume('e', { emptyDir: {} }),
    volume('h', { hostPath: { path: '/srv' } }),
  ]);
  const places = await device.volumes.prepare(pod, device.sources);
  const mount = (name: string, readOnly?: boolean): Promise<unknown> =>
    device.volumes.mountFor(
      pod,
      { name: 'main' },
      { name, mountPath: '/x', ...(readOnly ? { readOnly } : {}) },
    );
  t.same(await mount('c'), { hostPath: places.get('c')?.hostPath, readOnly: true });
  t.same(await mount('e'), { hostPath: places.get('e')?.hostPath, readOnly: false });
  t.same(await mount('e', true), { hostPath: places.get('e')?.hostPath, readOnly: true });
  t.same(await mount('h'), { hostPath: '/srv', readOnly: false });
  await t.rejects(mount('none'), {
    code: 'NO_SUCH_VOLUME',
    message: 'cannot find volume "none" to mount into container "main"',
  });
});

void t.test(
  'nothing is left of a pod, whatever was mounted in it, and nothing else is touched',
  needsRoot,
  async (t) => {
    const device = await makeDevice(t);
    const outside = join(device.root, 'srv');
    await mkdir(outside);
    await writeFile(join(outside, 'precious'), 'x');
    device.objects.set('configmap/shop/settings', configMap('settings', { color: 'red' }));
    const pod: Pod = podWith([
      volume('c', { configMap: { name: 'settings' } }),
      volume('m', { emptyDir: { medium: 'Memory' } }),
      volume('h', { hostPath: { path: outside } }),
      volume('p', { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }),
    ]);
    const volumeMounts = [
      { name: 'h', mountPath: '/h', subPath: 'made' },
      { name: 'm', mountPath: '/m', subPath: 'deep/er' },
    ];
    const container = { name: 'main', volumeMounts };
    const places = await device.volumes.prepare(pod, device.sources);
    for (const mount of volumeMounts) await device.volumes.mountFor(pod, container, mount);
    const memory = places.get('m')?.hostPath ?? '';
    await mkdir(join(memory, 'again'));
    await device.mount.tmpfs(join(memory, 'again'), { mode: 0o755 });
    await device.mount.tmpfs(join(memory, 'again'), { mode: 0o755 });
    t.equal((await mountsOf(device)).length, 5);
    t.same(await device.volumes.podsOnDisk(), ['uid-1']);
    const next = new PodVolumes({ ...device, log: { warn: () => undefined } });
    await next.teardown('uid-1');
    t.same(await mountsOf(device), []);
    t.same(await next.podsOnDisk(), []);
    t.same(await readdir(join(device.memoryDir, 'pods')), []);
    t.same((await readdir(outside)).sort(), ['made', 'precious']);
    await next.teardown('uid-1');
  },
);

void t.test('nothing is removed while something is still mounted', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const pod = podWith([volume('m', { emptyDir: { medium: 'Memory' } })]);
  const directory = (await device.volumes.prepare(pod, device.sources)).get('m')?.hostPath ?? '';
  await writeFile(join(directory, 'kept'), 'x');
  const busy = execFile('sleep', ['60'], { cwd: directory });
  t.teardown(() => busy.kill());
  await once(busy, 'spawn');
  await t.rejects(device.volumes.teardown('uid-1'), { code: 'UNMOUNT_FAILED', message: /busy/ });
  t.equal(await readFile(join(directory, 'kept'), 'utf8'), 'x');
  busy.kill();
  await once(busy, 'exit');
  await device.volumes.teardown('uid-1');
  t.same(await mountsOf(device), []);
});

void t.test('calls for one pod run one after another', needsRoot, async (t) => {
  const device = await makeDevice(t);
  device.objects.set('configmap/shop/settings', configMap('settings', { color: 'red' }));
  const pod = podWith([volume('c', { configMap: { name: 'settings' } })]);
  await Promise.all([
    device.volumes.prepare(pod, device.sources),
    device.volumes.refresh(pod, device.sources),
    device.volumes.prepare(pod, device.sources),
    device.volumes.teardown('uid-1'),
  ]);
  t.same(await device.volumes.podsOnDisk(), []);
});

void t.test('memory that is there already is used', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const inside = join(device.memoryDir, 'towline');
  await ensureMemoryDir(inside, device.mount);
  await ensureMemoryDir(device.memoryDir, device.mount);
  const points = await device.mount.mountPoints();
  t.same(
    points.filter((point) => point.startsWith(device.root)),
    [device.memoryDir],
  );
});
