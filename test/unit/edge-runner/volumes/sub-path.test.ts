import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { VolumeMount } from '../../../../src/kube/api.ts';
import { configMap, makeDevice, needsRoot, podWith, volume, type Device } from './device.ts';

interface Fixture extends Device {
  directory: string;
  mountSubPath: (subPath: string, parts?: Partial<VolumeMount>) => Promise<string>;
}

async function fixture(t: Parameters<typeof makeDevice>[0]): Promise<Fixture> {
  const device = await makeDevice(t);
  device.objects.set('configmap/shop/settings', configMap('settings', { color: 'red' }));
  const pod = podWith([
    volume('e', { emptyDir: {} }),
    volume('c', { configMap: { name: 'settings' } }),
  ]);
  const places = await device.volumes.prepare(pod, device.sources);
  return {
    ...device,
    directory: places.get('e')?.hostPath ?? '',
    mountSubPath: async (subPath, parts = {}) => {
      const mount = { name: 'e', mountPath: '/x', subPath, ...parts };
      const container = { name: 'main', volumeMounts: [mount] };
      return (await device.volumes.mountFor(pod, container, mount)).hostPath;
    },
  };
}

void t.test('a folder that is missing is made as the volume is', needsRoot, async (t) => {
  const { directory, mountSubPath, rootDir } = await fixture(t);
  const target = await mountSubPath('a/b');
  t.equal(target, join(rootDir, 'pods/uid-1/volume-subpaths/e/main/0'));
  t.equal((await stat(join(directory, 'a/b'))).mode & 0o7777, 0o777);
  await writeFile(join(target, 'file'), 'x');
  t.equal(await readFile(join(directory, 'a/b/file'), 'utf8'), 'x');
});

void t.test(
  'a file can be mounted, also of a volume with atomic contents',
  needsRoot,
  async (t) => {
    const { mountSubPath } = await fixture(t);
    const target = await mountSubPath('color', { name: 'c' });
    t.equal(await readFile(target, 'utf8'), 'red');
  },
);

void t.test('links within the volume are followed', needsRoot, async (t) => {
  const { directory, mountSubPath } = await fixture(t);
  await mkdir(join(directory, 'real'));
  await symlink('real', join(directory, 'link'));
  const target = await mountSubPath('link/made');
  await writeFile(join(target, 'file'), 'x');
  t.same(await readdir(join(directory, 'real/made')), ['file']);
});

void t.test(
  'a target is kept while it is right, and made anew when it isn’t',
  needsRoot,
  async (t) => {
    const { directory, mountSubPath, mount } = await fixture(t);
    await mountSubPath('a');
    const target = await mountSubPath('a');
    const count = async (): Promise<number> =>
      (await mount.mountPoints()).filter((point) => point === target).length;
    t.equal(await count(), 1);
    await rename(join(directory, 'a'), join(directory, 'old'));
    await writeFile(join(directory, 'a'), 'now a file');
    t.equal(await readFile(await mountSubPath('a'), 'utf8'), 'now a file');
    t.equal(await count(), 1);
  },
);

const planted: [
  name: string,
  plant: (directory: string, outside: string) => Promise<void>,
  subPath: string,
][] = [
  ['an absolute link', (dir, outside) => symlink(outside, join(dir, 'x')), 'x'],
  ['an absolute link on the way', (dir, outside) => symlink(outside, join(dir, 'x')), 'x/secret'],
  ['a missing folder behind a link', (dir, outside) => symlink(outside, join(dir, 'x')), 'x/made'],
  ['a relative link', (dir) => symlink('../../../../../../srv', join(dir, 'x')), 'x'],
  ['a link to the root', (dir) => symlink('/', join(dir, 'x')), 'x'],
  ['a link to nothing', (dir, outside) => symlink(join(outside, 'none'), join(dir, 'x')), 'x'],
  ['a link to itself', (dir) => symlink('x', join(dir, 'x')), 'x'],
  ['a link to the volume beside', (dir) => symlink(`${dir}-beside`, join(dir, 'x')), 'x'],
  ['a file on the way', (dir) => writeFile(join(dir, 'x'), ''), 'x/y'],
  [
    'a link through a link',
    async (dir, outside) => {
      await symlink(outside, join(dir, 'y'));
      await symlink('y', join(dir, 'x'));
    },
    'x/secret',
  ],
];

void t.test('planted links never lead out of the volume', needsRoot, async (t) => {
  for (const [name, plant, subPath] of planted) {
    const { root, directory, mountSubPath, mount } = await fixture(t);
    const outside = join(root, 'srv');
    await mkdir(join(outside, 'secret'), { recursive: true });
    await mkdir(`${directory}-beside`);
    await plant(directory, outside);
    const message = 'failed to prepare subPath for volumeMount "e" of container "main"';
    await t.rejects(mountSubPath(subPath), { code: 'SUB_PATH', message }, name);
    t.same(await readdir(outside), ['secret'], `${name}: nothing made outside`);
    const bound = (await mount.mountPoints()).filter((point) =>
      point.includes('volume-subpaths/e'),
    );
    t.notMatch(bound.join('\n'), root, `${name}: nothing mounted`);
  }
});

void t.test(
  'a folder that is exchanged for a link again and again never leads out',
  needsRoot,
  async (t) => {
    const { root, directory, mountSubPath } = await fixture(t);
    const outside = join(root, 'srv');
    await mkdir(join(outside, 'inner'), { recursive: true });
    await writeFile(join(outside, 'inner/secret'), 'x');
    const script = `while :; do
    mkdir -p a/inner; rm -rf a; ln -s "$1" a; rm -f a
  done`;
    const attacker = spawn('sh', ['-c', script, 'sh', outside], {
      cwd: directory,
      stdio: 'ignore',
    });
    const count = { mounted: 0, refused: 0 };
    while (count.mounted < 10 || count.refused < 10) {
      const target = await mountSubPath('a/inner').catch(() => undefined);
      if (target === undefined) {
        count.refused++;
        continue;
      }
      count.mounted++;
      t.notOk((await readdir(target).catch((): string[] => [])).includes('secret'));
    }
    attacker.kill();
    await once(attacker, 'exit');
    t.same(await readdir(outside), ['inner']);
  },
);

void t.test('paths that are absolute or go back are refused at once', needsRoot, async (t) => {
  const { mountSubPath } = await fixture(t);
  await t.rejects(mountSubPath('/etc'), {
    code: 'SUB_PATH',
    message: 'error SubPath `/etc` must not be an absolute path',
  });
  for (const subPath of ['..', 'a/../../b', 'a/..']) {
    await t.rejects(mountSubPath(subPath), {
      code: 'SUB_PATH',
      message: /must not contain '\.\.'/,
    });
  }
});

void t.test('an expression that was not expanded is not neglected', needsRoot, async (t) => {
  const { mountSubPath } = await fixture(t);
  await t.rejects(mountSubPath('', { subPathExpr: '$(POD)' }), { code: 'SUB_PATH' });
});

void t.test('without its volume there is no subPath', needsRoot, async (t) => {
  const { directory, mountSubPath } = await fixture(t);
  await rm(directory, { recursive: true });
  await t.rejects(mountSubPath('a'), { code: 'SUB_PATH' });
});
