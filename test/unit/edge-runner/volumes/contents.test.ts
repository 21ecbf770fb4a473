import {
  lstat,
  readdir,
  readFile,
  readlink,
  rm,
  rmdir,
  stat,
  statfs,
  writeFile,
  mkdir,
  symlink,
  realpath,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Volume } from '../../../../src/kube/api.ts';
import {
  configMap,
  makeDevice,
  needsRoot,
  podWith,
  secret,
  volume,
  type Device,
} from './device.ts';

async function contentsOf(directory: string, prefix = ''): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const name of await readdir(join(directory, prefix))) {
    if (name.startsWith('..')) continue;
    const path = join(prefix, name);
    const isDirectory = (await stat(join(directory, path))).isDirectory();
    if (isDirectory) Object.assign(contents, await contentsOf(directory, path));
    else contents[path] = await readFile(join(directory, path), 'utf8');
  }
  return contents;
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

async function prepareOne(device: Device, source: Volume): Promise<string> {
  const places = await device.volumes.prepare(podWith([source]), device.sources);
  return places.get(source.name)?.hostPath ?? '';
}

function withObjects(device: Device): Device {
  device.objects.set('configmap/shop/settings', {
    ...configMap('settings', { color: 'red', 'size.txt': 'big' }),
    binaryData: { logo: Buffer.from([0, 255, 1]).toString('base64') },
  });
  device.objects.set('secret/shop/keys', secret('keys', { password: 'hunter2' }));
  return device;
}

void t.test('a configMap volume has a file for each key', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const directory = await prepareOne(device, volume('v', { configMap: { name: 'settings' } }));
  t.equal(directory, join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~configmap/v'));
  t.match(await contentsOf(directory), { color: 'red', 'size.txt': 'big' });
  t.same(await readFile(join(directory, 'logo')), Buffer.from([0, 255, 1]));
  t.equal(await readlink(join(directory, 'color')), '..data/color');
  t.match(await readlink(join(directory, '..data')), /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\./);
  t.equal(await modeOf(join(directory, 'color')), '644');
  t.equal(await modeOf(directory), '777');
});

void t.test('items choose keys, paths and modes', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const items = [
    { key: 'color', path: 'deep/er/c', mode: 0o400 },
    { key: 'size.txt', path: 'deep/s' },
  ];
  const source = { configMap: { name: 'settings', items, defaultMode: 0o640 } };
  const directory = await prepareOne(device, volume('v', source));
  t.same(await contentsOf(directory), { 'deep/er/c': 'red', 'deep/s': 'big' });
  t.equal(await modeOf(join(directory, 'deep/er/c')), '400');
  t.equal(await modeOf(join(directory, 'deep/s')), '640');
  t.equal(await modeOf(join(directory, 'deep/er')), '755');
});

void t.test(
  'secrets, tokens and whatever is projected with them never reach the disk',
  needsRoot,
  async (t) => {
    const device = withObjects(await makeDevice(t));
    const sources = [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { serviceAccountToken: { path: 'vault/token', audience: '/vault' } },
      { configMap: { name: 'settings', items: [{ key: 'color', path: 'c' }] } },
      { secret: { name: 'keys' } },
      {
        downwardAPI: {
          items: [
            { path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } },
            { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
            { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu' } },
          ],
        },
      },
    ];
    const all = volume('all', { projected: { sources, defaultMode: 0o444 } });
    const keys = volume('keys', { secret: { secretName: 'keys', defaultMode: 0o400 } });
    const places = await device.volumes.prepare(podWith([all, keys]), device.sources);
    const projected = places.get('all')?.hostPath ?? '';
    const secrets = places.get('keys')?.hostPath ?? '';
    t.same(await contentsOf(projected), {
      token: 'token-1',
      'vault/token': 'token-1/vault',
      c: 'red',
      password: 'hunter2',
      namespace: 'shop',
      labels: 'tier="front"',
      cpu: '4',
    });
    t.same(await contentsOf(secrets), { password: 'hunter2' });
    t.equal(await modeOf(join(projected, 'token')), '444');
    t.equal(await modeOf(join(secrets, 'password')), '400');
    const tmpfs = 0x01021994;
    t.equal((await statfs(projected)).type, tmpfs);
    t.equal((await statfs(secrets)).type, tmpfs);
    t.ok(secrets.startsWith(join(device.memoryDir, 'pods/uid-1/volumes/kubernetes.io~secret')));
    const mounts = (await device.mount.mountPoints()).filter((point) =>
      point.startsWith(device.root),
    );
    t.same(mounts, [device.memoryDir], 'one mount for all of them');
  },
);

void t.test('a token is only for the pod’s own user or group', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const sources = [{ serviceAccountToken: { path: 'token' } }];
  const volumes = [volume('t', { projected: { sources } })];
  const places = await device.volumes.prepare(
    podWith(volumes, { securityContext: { runAsUser: 1234, fsGroup: 5678 } }),
    device.sources,
  );
  const token = await stat(join(places.get('t')?.hostPath ?? '', 'token'));
  t.same([token.uid, token.gid, token.mode & 0o777], [1234, 5678, 0o640]);
});

void t.test('the files of a pod with an fsGroup belong to it', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const volumes = [
    volume('c', { configMap: { name: 'settings', defaultMode: 0o400 } }),
    volume('e', { emptyDir: {} }),
    volume('m', { emptyDir: { medium: 'Memory' } }),
  ];
  const pod = podWith(volumes, { securityContext: { fsGroup: 5678 } });
  const places = await device.volumes.prepare(pod, device.sources);
  const file = await stat(join(places.get('c')?.hostPath ?? '', 'color'));
  t.same([file.uid, file.gid, file.mode & 0o7777], [0, 5678, 0o440]);
  for (const [name, mode] of [
    ['c', 0o2777],
    ['e', 0o2777],
    ['m', 0o3777],
  ] as const) {
    const directory = await stat(places.get(name)?.hostPath ?? '');
    t.same([directory.gid, directory.mode & 0o7777], [5678, mode], name);
  }
});

const missing: [source: Partial<Volume>, problem: string][] = [
  [{ configMap: { name: 'no' } }, 'configmap "no" not found'],
  [{ secret: { secretName: 'no' } }, 'secret "no" not found'],
  [{ projected: { sources: [{ configMap: { name: 'no' } }] } }, 'configmap "no" not found'],
  [
    { configMap: { name: 'settings', items: [{ key: 'no', path: 'p' }] } },
    'configmap references non-existent config key: no',
  ],
  [
    { secret: { secretName: 'keys', items: [{ key: 'no', path: 'p' }] } },
    'references non-existent secret key: no',
  ],
];

void t.test(
  'what is missing is told in the kubelet’s words, unless optional',
  needsRoot,
  async (t) => {
    const device = withObjects(await makeDevice(t));
    for (const [source, problem] of missing) {
      await t.rejects(
        prepareOne(device, volume('v', source)),
        {
          code: 'SETUP_FAILED',
          reason: 'FailedMount',
          retryable: true,
          message: `MountVolume.SetUp failed for volume "v" : ${problem}`,
        },
        problem,
      );
    }
    const optional = [
      { name: 'a', configMap: { name: 'no', optional: true } },
      { name: 'b', secret: { secretName: 'no', optional: true } },
      {
        name: 'c',
        configMap: { name: 'settings', items: [{ key: 'no', path: 'p' }], optional: true },
      },
    ];
    const places = await device.volumes.prepare(podWith(optional), device.sources);
    for (const { hostPath } of places.values()) t.same(await contentsOf(hostPath), {});
  },
);

void t.test('one volume that can’t be had doesn’t keep the others', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const volumes = [
    volume('bad', { configMap: { name: 'no' } }),
    volume('good', { configMap: { name: 'settings' } }),
  ];
  await t.rejects(device.volumes.prepare(podWith(volumes), device.sources));
  const good = join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~configmap/good');
  t.equal((await contentsOf(good)).color, 'red');
  device.objects.set('configmap/shop/no', configMap('no', { now: 'here' }));
  const places = await device.volumes.prepare(podWith(volumes), device.sources);
  t.same(await contentsOf(places.get('bad')?.hostPath ?? ''), { now: 'here' });
});

void t.test('a token that can’t be had fails its volume', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const volumes = [
    volume('t', { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }),
  ];
  const refused = new TypeError('no link');
  const sources = { ...device.sources, token: () => Promise.reject(refused) };
  await t.rejects(device.volumes.prepare(podWith(volumes), sources), {
    message: 'MountVolume.SetUp failed for volume "t" : no link',
    cause: refused,
  });
  const never = { ...device.sources, token: () => new Promise<never>(() => undefined) };
  const abort = new AbortController();
  const waiting = device.volumes.prepare(podWith(volumes), never, abort.signal);
  abort.abort();
  await t.rejects(waiting);
  await device.volumes.teardown('uid-1');
});

void t.test(
  'changed contents come in one step, and unchanged ones touch nothing',
  needsRoot,
  async (t) => {
    const device = withObjects(await makeDevice(t));
    const pod = podWith([volume('v', { configMap: { name: 'settings' } })]);
    const directory = (await device.volumes.prepare(pod, device.sources)).get('v')?.hostPath ?? '';
    const before = await readlink(join(directory, '..data'));
    t.equal(await device.volumes.refresh(pod, device.sources), false);
    await device.volumes.prepare(pod, device.sources);
    t.equal(await readlink(join(directory, '..data')), before);
    device.objects.set(
      'configmap/shop/settings',
      configMap('settings', { color: 'blue', fresh: '1' }),
    );
    t.equal(await device.volumes.refresh(pod, device.sources), true);
    t.same(await contentsOf(directory), { color: 'blue', fresh: '1' });
    const after = await readlink(join(directory, '..data'));
    t.not(after, before);
    t.same((await readdir(directory)).sort(), ['..data', after, 'color', 'fresh'].sort());
  },
);

void t.test('what was removed in the cloud stays until the pod goes', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const pod = podWith([
    volume('gone', { configMap: { name: 'settings' } }),
    volume('keys', { secret: { secretName: 'keys' } }),
  ]);
  const places = await device.volumes.prepare(pod, device.sources);
  device.objects.delete('configmap/shop/settings');
  device.objects.set('secret/shop/keys', secret('keys', { password: 'new' }));
  await t.rejects(device.volumes.refresh(pod, device.sources), { message: /"settings" not found/ });
  t.equal((await contentsOf(places.get('gone')?.hostPath ?? '')).color, 'red');
  t.same(await contentsOf(places.get('keys')?.hostPath ?? ''), { password: 'new' });
});

void t.test('a container starts again by what was removed in the cloud', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const used = volume('gone', { configMap: { name: 'settings' } });
  const directory = await prepareOne(device, used);
  device.objects.delete('configmap/shop/settings');
  await t.rejects(prepareOne(device, used), {
    ...{ code: 'NOT_RENEWED', reason: 'FailedMount' },
    message: 'MountVolume.SetUp failed for volume "gone" : configmap "settings" not found',
  });
  t.equal((await contentsOf(directory)).color, 'red');
  const others = podWith([used, volume('new', { configMap: { name: 'no' } })]);
  await t.rejects(device.volumes.prepare(others, device.sources), {
    ...{ code: 'SETUP_FAILED', message: /volume "new"/ },
  });
});

void t.test(
  'no container starts by contents that were never made to the end',
  needsRoot,
  async (t) => {
    const device = withObjects(await makeDevice(t));
    const used = volume('half', { configMap: { name: 'settings' } });
    const directory = join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~configmap/half');
    const inTheWay = join(directory, 'no-name-of-ours');
    await mkdir(inTheWay, { recursive: true });
    const failed = { code: 'SETUP_FAILED', message: /volume "half"/ };
    await t.rejects(prepareOne(device, used), failed, 'the names could not be shown');
    t.ok(await readlink(join(directory, '..data')), 'though the contents are there');
    const settings = device.objects.get('configmap/shop/settings') ?? configMap('settings', {});
    device.objects.delete('configmap/shop/settings');
    await t.rejects(prepareOne(device, used), failed, 'and there is nothing more to be had');
    await rmdir(inTheWay);
    device.objects.set('configmap/shop/settings', settings);
    t.equal(await prepareOne(device, used), directory);
    await unlink(join(directory, 'color'));
    device.objects.delete('configmap/shop/settings');
    await t.rejects(prepareOne(device, used), failed, 'a name is not shown');
    await rm(join(directory, await readlink(join(directory, '..data'))), { recursive: true });
    await t.rejects(prepareOne(device, used), failed, 'the contents are gone');
  },
);

void t.test('remains of an interrupted change are cleared', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const pod = podWith([volume('v', { configMap: { name: 'settings' } })]);
  const directory = (await device.volumes.prepare(pod, device.sources)).get('v')?.hostPath ?? '';
  const before = await contentsOf(directory);
  await mkdir(join(directory, '..2030_01_01_00_00_00.aa'));
  await writeFile(join(directory, '..2030_01_01_00_00_00.aa/color'), 'half');
  await symlink('..2030_01_01_00_00_00.aa', join(directory, '..data_tmp'));
  await symlink('..data/stale', join(directory, 'stale'));
  await device.volumes.prepare(pod, device.sources);
  t.same(await contentsOf(directory), before);
  t.equal((await readdir(directory)).filter((name) => name.startsWith('..')).length, 2);
});

void t.test('paths of the cloud never lead outside a volume', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  for (const path of [
    '../x',
    'a/../../x',
    '/etc/x',
    '..data',
    '..x/y',
    '',
    'a/..',
    'x'.repeat(5000),
  ]) {
    const items = [{ key: 'color', path }];
    const source = volume('v', { configMap: { name: 'settings', items } });
    await t.rejects(prepareOne(device, source), { code: 'SETUP_FAILED', message: /invalid path/ });
  }
  device.objects.set('configmap/shop/evil', configMap('evil', { '../../escaped': 'x' }));
  const evil = volume('v', { configMap: { name: 'evil' } });
  await t.rejects(prepareOne(device, evil), { message: /invalid path/ });
  for (const name of ['..', 'a/b', '', '.', 'a\0b', '../../x']) {
    const unsafe = volume(name, { configMap: { name: 'settings' } });
    await t.rejects(prepareOne(device, unsafe), { code: 'UNSAFE_NAME', retryable: false }, name);
  }
  const bad = { metadata: { name: 'p', uid: '../../up' }, spec: podWith([]).spec };
  await t.rejects(
    device.volumes.prepare(
      { ...bad, spec: podWith([volume('v', { emptyDir: {} })]).spec },
      device.sources,
    ),
    { code: 'UNSAFE_NAME' },
  );
  await t.rejects(device.volumes.teardown('../..'), { code: 'UNSAFE_NAME' });
  t.same(await readdir(device.root), ['run']);
});

void t.test('a file and a folder of the same name can’t both be', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const items = [
    { key: 'color', path: 'a' },
    { key: 'size.txt', path: 'a/b' },
  ];
  const source = volume('v', { configMap: { name: 'settings', items } });
  await t.rejects(prepareOne(device, source), { code: 'SETUP_FAILED' });
  await device.volumes.teardown('uid-1');
  t.same(await device.volumes.podsOnDisk(), []);
});

void t.test('the private part of the tree is closed to others', needsRoot, async (t) => {
  const device = withObjects(await makeDevice(t));
  const directory = await prepareOne(device, volume('v', { secret: { secretName: 'keys' } }));
  const real = await realpath(directory);
  t.equal(real, directory);
  t.equal((await lstat(join(device.memoryDir, 'pods'))).mode & 0o007, 0);
});
