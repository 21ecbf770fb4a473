import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type {
  PersistentVolume,
  PersistentVolumeSpec,
  Pod,
  VolumeClaim,
} from '../../../../src/kube/api.ts';
import type { Mounter, MountRequest } from '../../../../src/edge-runner/volumes/mounter.ts';
import { LinuxMounter } from '../../../../src/edge-runner/volumes/linux-mounter.ts';
import { PodVolumes } from '../../../../src/edge-runner/volumes/pod-volumes.ts';
import { VolumeError } from '../../../../src/edge-runner/volumes/volume-error.ts';
import { makeDevice, needsRoot, podWith, volume, type Device } from './device.ts';

function claimOf(
  name: string,
  spec: PersistentVolumeSpec,
  more: Partial<VolumeClaim> = {},
  metadata: Partial<PersistentVolume['metadata']> = {},
): VolumeClaim {
  const uid = `${name}-uid`;
  return {
    metadata: { name, namespace: 'shop', uid },
    spec: { volumeName: `pv-${name}` },
    status: { phase: 'Bound' },
    volume: {
      metadata: { name: `pv-${name}`, ...metadata },
      spec: { claimRef: { uid }, ...spec },
    },
    ...more,
  };
}

function podWithClaim(name: string, parts: Partial<Pod['spec']> = {}, readOnly?: boolean): Pod {
  const source = { claimName: name, ...(readOnly === undefined ? {} : { readOnly }) };
  return podWith([volume('v', { persistentVolumeClaim: source })], parts);
}

function hold(device: Device, claim: VolumeClaim): void {
  device.claims.set(`shop/${claim.metadata.name}`, claim);
}

async function problemOf(device: Device, pod: Pod, volumes = device.volumes): Promise<string> {
  try {
    await volumes.prepare(pod, device.sources);
  } catch (error) {
    if (error instanceof VolumeError) return error.message;
    throw error;
  }
  return 'none';
}

const main = { name: 'main' };
const unprocessed =
  'Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC shop/data: ';

void t.test('a claim that can’t be used says why in a kubelet’s words', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const good = claimOf('data', { hostPath: { path: device.root } });
  const { metadata } = good;
  const deletionTimestamp = '2030-01-01T00:00:00Z';
  const cases: [claim: VolumeClaim | undefined, problem: string][] = [
    [undefined, 'failed to fetch PVC from API server: persistentvolumeclaim "data" not found'],
    [{ ...good, metadata: { ...metadata, deletionTimestamp } }, 'PVC is being deleted'],
    [{ ...good, status: { phase: 'Pending' } }, 'PVC is not bound'],
    [{ ...good, spec: {} }, 'PVC has empty pvc.Spec.VolumeName'],
    [
      claimOf('data', {}, { spec: { volumeName: 'pv' }, volume: undefined as never }),
      'failed to fetch PV pv from API server: persistentvolume "pv" not found',
    ],
    [
      claimOf('data', { claimRef: undefined as never }),
      'found PV object pv-data but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim',
    ],
    [
      claimOf('data', { claimRef: { uid: 'other' } }),
      'found PV object pv-data but its pv.Spec.ClaimRef.UID other does not point to claim.UID data-uid',
    ],
  ];
  for (const [claim, problem] of cases) {
    device.claims.clear();
    if (claim !== undefined) hold(device, claim);
    t.equal(await problemOf(device, podWithClaim('data')), unprocessed + problem);
  }
  const finalizers = ['kubernetes.io/pvc-protection'];
  hold(device, { ...good, metadata: { ...metadata, deletionTimestamp, finalizers } });
  t.equal(
    await problemOf(device, podWithClaim('data')),
    'none',
    'the cluster keeps it for its pods',
  );
});

void t.test('a PersistentVolume that this device can’t mount is refused', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const hostPath = { path: device.root };
  const required = (values: string[]): PersistentVolumeSpec['nodeAffinity'] => ({
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values }] }],
    },
  });
  const affine = { hostPath, nodeAffinity: required(['a']) ?? {} };
  const cases: [spec: PersistentVolumeSpec, problem: string][] = [
    [
      { hostPath, volumeMode: 'Block' },
      'Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: volume v has volumeMode Block, but is specified in volumeMounts',
    ],
    [
      affine,
      'MountVolume.NodeAffinity check failed for volume "pv-data" : no matching NodeSelectorTerms',
    ],
    [
      { accessModes: ['ReadWriteOnce'], csi: { driver: 'd' } } as PersistentVolumeSpec,
      'MountVolume.FindPluginBySpec failed for volume "pv-data" : no volume plugin matched: this site\'s runner mounts PersistentVolumes of kind hostPath, local and nfs, not csi',
    ],
    [
      { hostPath, mountOptions: ['noexec'] },
      'MountVolume.MountOptionSupport check failed for volume "pv-data" : mount options are not supported for this volume type',
    ],
    [
      { local: { path: join(device.root, 'none') } },
      `MountVolume.NewMounter initialization failed for volume "pv-data" : path "${device.root}/none" does not exist`,
    ],
    [
      { local: { path: '/dev/null' } },
      'MountVolume.NewMounter initialization failed for volume "pv-data" : only directory and block device are supported',
    ],
    [
      { local: { path: `${device.root}/../x` } },
      `MountVolume.SetUp failed for volume "pv-data" : invalid path: ${device.root}/../x must not contain '..'`,
    ],
    [
      { hostPath: { path: '/dev/null', type: 'Directory' } },
      'MountVolume.SetUp failed for volume "pv-data" : hostPath type check failed: /dev/null is not a directory',
    ],
  ];
  device.node.labels = { zone: 'b' };
  for (const [spec, problem] of cases) {
    hold(device, claimOf('data', spec));
    const volumes = new PodVolumes({ ...device, log: { warn: () => undefined } });
    t.equal(await problemOf(device, podWithClaim('data'), volumes), problem);
  }
  hold(device, claimOf('data', affine));
  device.node.labels = { zone: 'a' };
  t.equal(await problemOf(device, podWithClaim('data')), 'none', 'the node is the right one');
});

void t.test(
  'a hostPath volume is the folder itself, whatever the fsGroup',
  needsRoot,
  async (t) => {
    const device = await makeDevice(t);
    const path = join(device.root, 'disk');
    await mkdir(path);
    const before = await stat(path);
    hold(device, claimOf('data', { hostPath: { path } }));
    const pod = podWithClaim('data', { securityContext: { fsGroup: 1234 } }, true);
    const prepared = await device.volumes.prepare(pod, device.sources);
    t.same(prepared.get('v'), { hostPath: path });
    const after = await stat(path);
    t.same([after.gid, after.mode], [before.gid, before.mode]);
    const mount = { name: 'v', mountPath: '/v' };
    t.same(await device.volumes.mountFor(pod, main, mount), { hostPath: path, readOnly: true });
    await device.volumes.teardown('uid-1');
    t.ok((await stat(path)).isDirectory());
  },
);

void t.test('a local volume is mounted for the pod and leaves nothing', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  await mkdir(join(path, 'sub'), { recursive: true });
  await writeFile(join(path, 'kept'), 'x');
  await symlink('/etc/passwd', join(path, 'link'));
  const passwd = await stat('/etc/passwd');
  hold(device, claimOf('data', { local: { path }, mountOptions: ['noexec', 'nodev'] }));
  const pod = podWithClaim('data', { securityContext: { fsGroup: 1234 } });
  const at = (await device.volumes.prepare(pod, device.sources)).get('v')?.hostPath ?? '';
  t.equal(at, join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~local-volume/pv-data'));
  t.equal(await readFile(join(at, 'kept'), 'utf8'), 'x');
  t.match(await optionsOf(at), /(?=.*nodev)(?=.*noexec)/);
  t.match(await stat(path), { gid: 1234 });
  t.equal((await stat(path)).mode & 0o7777, 0o2775);
  t.equal((await stat(join(path, 'kept'))).mode & 0o7777, 0o664);
  t.same(
    [(await stat('/etc/passwd')).gid, (await stat('/etc/passwd')).mode],
    [passwd.gid, passwd.mode],
  );
  const next = new PodVolumes({ ...device, log: { warn: () => undefined } });
  await next.prepare(pod, device.sources);
  const points = await device.mount.mountPoints();
  t.equal(
    points.filter((point) => point === at).length,
    1,
    'another runner mounts it no second time',
  );
  const mount = { name: 'v', mountPath: '/v', subPath: 'sub' };
  const { hostPath } = await next.mountFor(pod, main, mount);
  await writeFile(join(hostPath, 'f'), 'y');
  await next.teardown('uid-1');
  t.notOk((await device.mount.mountPoints()).some((point) => point.startsWith(device.rootDir)));
  t.same(await readdir(join(device.rootDir, 'pods')), []);
  t.equal(await readFile(join(path, 'sub/f'), 'utf8'), 'y', 'what is in the volume stays');
});

void t.test('a share that is mounted late is not removed from', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  await mkdir(path);
  await writeFile(join(path, 'kept'), 'x');
  hold(device, claimOf('data', { local: { path } }));
  const late = new (class extends LinuxMounter {
    override async unmount(target: string, signal?: AbortSignal): Promise<void> {
      await super.unmount(target, signal);
      // It is seen by nobody who has read the mount table already.
      await super.mount({ source: path, target, options: ['bind'] });
      this.mountPoints = () => Promise.resolve([]);
    }
  })();
  const volumes = new PodVolumes({ ...device, mount: late, log: { warn: () => undefined } });
  const pod = podWith([
    volume('a', { persistentVolumeClaim: { claimName: 'data' } }),
    volume('b', { persistentVolumeClaim: { claimName: 'data' } }),
  ]);
  await volumes.prepare(pod, device.sources);
  const points = await device.mount.mountPoints();
  t.equal(points.filter((point) => point.endsWith('/pv-data')).length, 1, 'mounted once');
  await t.rejects(volumes.teardown('uid-1'), { code: 'UNMOUNT_FAILED' });
  t.equal(await readFile(join(path, 'kept'), 'utf8'), 'x');
});

void t.test('a read-only claim is mounted so, and keeps its owners', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  await mkdir(path);
  hold(device, claimOf('data', { local: { path } }));
  const pod = podWithClaim('data', { securityContext: { fsGroup: 1234 } }, true);
  const at = (await device.volumes.prepare(pod, device.sources)).get('v')?.hostPath ?? '';
  await t.rejects(writeFile(join(at, 'f'), ''), { code: 'EROFS' });
  t.equal((await stat(path)).gid, 0);
  await writeFile(join(path, 'f'), '');
  const mount = { name: 'v', mountPath: '/v' };
  t.match(await device.volumes.mountFor(pod, main, mount), { readOnly: true });
});

void t.test('only the first pod gives a volume to its fsGroup', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  await mkdir(path);
  hold(device, claimOf('data', { local: { path } }));
  const pod = (uid: string, fsGroup: number): Pod => {
    const made = podWithClaim('data', { securityContext: { fsGroup } });
    return { ...made, metadata: { ...made.metadata, uid } };
  };
  await device.volumes.prepare(pod('uid-1', 1234), device.sources);
  await device.volumes.prepare(pod('uid-2', 1234), device.sources);
  t.same(device.warnings, []);
  await device.volumes.prepare(pod('uid-3', 99), device.sources);
  t.equal((await stat(path)).gid, 1234);
  t.same(device.warnings, [
    [
      'AlreadyMountedVolume',
      'The requested fsGroup is 99, but the volume pv-data has GID 1234. The volume may not be shareable.',
    ],
  ]);
});

void t.test('OnRootMismatch leaves alone what already is the group’s', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  const file = join(path, 'f');
  const prepare = async (policy: string): Promise<void> => {
    const securityContext = { fsGroup: 1234, fsGroupChangePolicy: policy };
    const pod = podWithClaim('data', { securityContext });
    await device.volumes.prepare(pod, device.sources);
    await device.volumes.teardown('uid-1');
  };
  await mkdir(path);
  await writeFile(file, '');
  hold(device, claimOf('data', { local: { path } }));
  await prepare('OnRootMismatch');
  t.equal((await stat(file)).gid, 1234, 'the root didn’t match');
  await chown(file, 0, 0);
  await prepare('OnRootMismatch');
  t.equal((await stat(file)).gid, 0, 'the root matched');
  await chmod(path, 0o2750);
  await prepare('OnRootMismatch');
  t.equal((await stat(file)).gid, 1234, 'its mode doesn’t suffice');
  await chown(file, 0, 0);
  await prepare('Always');
  t.equal((await stat(file)).gid, 1234, 'always');
});

void t.test('a pod keeps what it has, and may have it for itself', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  await mkdir(path);
  hold(device, claimOf('data', { local: { path }, accessModes: ['ReadWriteOncePod'] }));
  const first = podWithClaim('data');
  const second = { ...first, metadata: { ...first.metadata, uid: 'uid-2' } };
  t.equal(await problemOf(device, first), 'none');
  t.equal(
    await problemOf(device, second),
    'MountVolume.SetUp failed for volume "pv-data" : volume uses the ReadWriteOncePod access mode and is already in use by another pod',
  );
  device.claims.clear();
  t.equal(await problemOf(device, first), 'none', 'whatever becomes of the claim');
  hold(device, claimOf('data', { local: { path }, accessModes: ['ReadWriteOncePod'] }));
  const restarted = new PodVolumes({ ...device, log: { warn: () => undefined } });
  await restarted.refresh(first, device.sources);
  t.match(await problemOf(device, second, restarted), /already in use/);
  await restarted.teardown('uid-1');
  t.equal(await problemOf(device, second, restarted), 'none');
});

void t.test('a pod that has one for itself may have it twice', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  await mkdir(path);
  hold(device, claimOf('data', { local: { path }, accessModes: ['ReadWriteOncePod'] }));
  const persistentVolumeClaim = { claimName: 'data' };
  const pod = podWith([
    volume('one', { persistentVolumeClaim }),
    volume('two', { persistentVolumeClaim }),
  ]);
  const prepared = await device.volumes.prepare(pod, device.sources);
  const paths = ['one', 'two'].map((name) => prepared.get(name)?.hostPath);
  const at = join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~local-volume/pv-data');
  t.same(paths, [at, at]);
  t.equal((await device.mount.mountPoints()).filter((point) => point === at).length, 1);
  const second = { ...pod, metadata: { ...pod.metadata, uid: 'uid-2' } };
  t.match(await problemOf(device, second), /already in use by another pod/);
  await device.volumes.teardown('uid-1');
  t.equal(await problemOf(device, second), 'none');
});

void t.test('a generic ephemeral volume is the pod’s own claim', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const path = join(device.root, 'disk');
  const pod = podWith([volume('scratch', { ephemeral: {} })]);
  const claim = claimOf('web-scratch', { hostPath: { path } });
  hold(device, claim);
  t.match(
    await problemOf(device, pod),
    /PVC shop\/web-scratch was not created for pod shop\/web \(pod is not owner\)$/,
  );
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-1', controller: true };
  hold(device, { ...claim, metadata: { ...claim.metadata, ownerReferences: [owner] } });
  const prepared = await device.volumes.prepare(pod, device.sources);
  t.equal(prepared.get('scratch')?.hostPath, path);
});

void t.test('a share is mounted as its volume says, and unmounted', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const mount = new NfsAsTmpfs();
  const volumes = new PodVolumes({ ...device, mount, log: { warn: () => undefined } });
  const mountOptions = ['nfsvers=4.1', 'hard', ''];
  const annotations = { 'volume.beta.kubernetes.io/mount-options': 'soft' };
  const nfs = { server: 'fd00::1', path: '/export/a' };
  hold(device, claimOf('data', { nfs, mountOptions }));
  hold(device, claimOf('old', { nfs, mountOptions }, {}, { annotations }));
  const pod = podWith([
    volume('claimed', { persistentVolumeClaim: { claimName: 'data', readOnly: true } }),
    volume('old', { persistentVolumeClaim: { claimName: 'old' } }),
    volume('direct', { nfs: { server: '-oops', path: '/', readOnly: true } }),
  ]);
  const paths = await volumes.prepare(pod, device.sources);
  await volumes.prepare(pod, device.sources);
  const target = (name: string): string =>
    join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~nfs', name);
  t.same(
    mount.requests.sort((a, b) => a.target.localeCompare(b.target)),
    [
      { source: '-oops:/', target: target('direct'), type: 'nfs', options: ['ro'] },
      {
        source: '[fd00::1]:/export/a',
        target: target('pv-data'),
        type: 'nfs',
        options: ['hard', 'nfsvers=4.1', 'ro'],
      },
      { source: '[fd00::1]:/export/a', target: target('pv-old'), type: 'nfs', options: ['soft'] },
    ],
    'once each',
  );
  t.equal(paths.get('claimed')?.hostPath, target('pv-data'));
  await volumes.teardown('uid-1');
  t.same(await readdir(join(device.rootDir, 'pods')), []);
});

void t.test('what mount says of a share is said as a kubelet says it', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const pod = podWith([volume('share', { nfs: { server: '-oops', path: '/x', readOnly: true } })]);
  const message = await problemOf(device, pod);
  const directory = join(device.rootDir, 'pods/uid-1/volumes/kubernetes.io~nfs/share');
  const start = `MountVolume.SetUp failed for volume "share" : mount failed: exit status 32
Mounting command: mount
Mounting arguments: -t nfs -o ro -oops:/x ${directory}
Output: mount`;
  t.equal(message.slice(0, start.length), start);
  await t.rejects(stat(directory), { code: 'ENOENT' });
});

void t.test('a share whose server is gone is unmounted by force', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const target = join(device.root, 'share');
  await mkdir(target);
  const mount = new LinuxMounter({ timeoutMs: 300 });
  await mount.mount({ source: 'share', target, type: 'tmpfs', options: [] });
  const bin = t.testdir({
    umount: '#!/bin/sh\ncase "$*" in *-f*) exec /bin/umount "$@";; esac\nexec sleep 60\n',
  });
  await chmod(join(bin, 'umount'), 0o755);
  const { PATH } = process.env;
  process.env['PATH'] = `${bin}:${PATH ?? ''}`;
  t.teardown(() => {
    process.env['PATH'] = PATH;
  });
  await mount.unmount(target);
  t.notOk((await mount.mountPoints()).includes(target));
});

/** The mount points are real; what is mounted there isn't a share. */
class NfsAsTmpfs extends LinuxMounter implements Mounter {
  readonly requests: MountRequest[] = [];

  override mount(request: MountRequest, signal?: AbortSignal): Promise<void> {
    this.requests.push(request);
    const { target } = request;
    return super.mount({ source: 'share', target, type: 'tmpfs', options: [] }, signal);
  }
}

async function optionsOf(mountPoint: string): Promise<string> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return table.split('\n').find((line) => line.split(' ')[4] === mountPoint) ?? '';
}
