import { chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { PersistentVolumeSpec, Pod, VolumeClaim } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { endOf, shell, type VolumeScene } from './volume-scene.ts';

/** Claims that are bound to a folder of the device. */
export async function claims(t: Test, scene: VolumeScene): Promise<void> {
  await t.test('a pod waits for its claim, has its volume, and leaves it', (t) =>
    waitsForClaim(t, scene),
  );
  await t.test('a volume of another node is not mounted', (t) => otherNode(t, scene));
  await t.test('a folder that its group has already', (t) => ownedAlready(t, scene));
  await t.test('a restart of the runner leaves a mounted volume as it is', (t) =>
    restarted(t, scene),
  );
}

function claimOf(name: string, spec: PersistentVolumeSpec): VolumeClaim {
  const uid = `${name}-uid`;
  return {
    metadata: { name, namespace: 'berlin', uid },
    spec: { volumeName: `pv-${name}` },
    status: { phase: 'Bound' },
    volume: { metadata: { name: `pv-${name}` }, spec: { claimRef: { uid }, ...spec } },
  };
}

async function folder(scene: VolumeScene, name: string): Promise<string> {
  const path = join(scene.device.dir, name);
  await mkdir(path);
  return path;
}

async function waitsForClaim(t: Test, scene: VolumeScene): Promise<void> {
  const path = await folder(scene, 'disk');
  const plain = await folder(scene, 'plain');
  await writeFile(join(plain, 'given'), 'from the device\n');
  const script =
    'echo mine >/data/sub/f; cat /plain/given; touch /plain/x 2>&1; stat -c %g:%a /data/sub/f >&2; id -G; stat -c "%g %a" /data';
  const main = shell('main', `(${script}) >/dev/termination-log; exec sleep 1000`, [
    { name: 'data', mountPath: '/data' },
    { name: 'data', mountPath: '/data/sub', subPath: 'sub' },
    { name: 'plain', mountPath: '/plain' },
  ]);
  const pod = makePod('claimant', {
    securityContext: { fsGroup: 1234 },
    containers: [main],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'plain', persistentVolumeClaim: { claimName: 'plain', readOnly: true } },
    ],
  });
  const bound = claimOf('data', { local: { path } });
  const { engine } = scene;
  engine.put(
    asDesired('Pod', pod),
    asDesired('VolumeClaim', { ...bound, status: { phase: 'Pending' } } as VolumeClaim),
    asDesired('VolumeClaim', claimOf('plain', { hostPath: { path: plain, type: 'Directory' } })),
  );
  const words =
    'Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[data]: error processing PVC berlin/data: PVC is not bound';
  await scene.untilEvent(pod, 'FailedMount', words);
  t.match(engine.status(pod), { phase: 'Pending' });
  engine.put(asDesired('VolumeClaim', bound));
  await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  await waitFor(async () => (await messageOf(scene, pod)).includes('2775'), {
    ...{ what: 'the container to have looked', timeoutMs: 10_000 },
  });
  t.match(
    await messageOf(scene, pod),
    /^from the device\ntouch: \/plain\/x: Read-only file system\n.*\b1234\n1234 2775\n$/,
  );
  t.equal(await readFile(join(path, 'sub/f'), 'utf8'), 'mine\n');
  t.equal((await stat(plain)).gid, 0, 'a hostPath is nobody’s to give away');
  engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
  t.equal(await readFile(join(path, 'sub/f'), 'utf8'), 'mine\n', 'what was written stays');
}

function messageOf(scene: VolumeScene, pod: Pod): Promise<string> {
  return scene.terminationMessage(pod, 'main');
}

async function otherNode(t: Test, scene: VolumeScene): Promise<void> {
  const path = await folder(scene, 'elsewhere');
  const key = 'kubernetes.io/hostname';
  const required = { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In' }] }] };
  const claim = (values: string[]): VolumeClaim => {
    const [term] = required.nodeSelectorTerms;
    const matchExpressions = (term?.matchExpressions ?? []).map((each) => ({ ...each, values }));
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    return claimOf('affine', { local: { path }, nodeAffinity });
  };
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'affine' } }];
  const main = shell('main', 'true', [{ name: 'v', mountPath: '/v' }]);
  const pod = makePod('affine', { restartPolicy: 'Never', containers: [main], volumes });
  const name = `${scene.device.name}.test`;
  const node = { metadata: { name, namespace: '', labels: { [key]: name } } };
  const { engine } = scene;
  engine.put(
    ...[asDesired('Node', node), asDesired('Pod', pod)],
    asDesired('VolumeClaim', claim(['other.test'])),
  );
  await scene.untilEvent(
    pod,
    'FailedMount',
    'MountVolume.NodeAffinity check failed for volume "pv-affine" : no matching NodeSelectorTerms',
  );
  engine.put(asDesired('VolumeClaim', claim([name])));
  t.match(await endOf(scene, pod), { exitCode: 0 });
  engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

/** Only with `OnRootMismatch` what is in a folder is left as it is when the folder itself is right. */
async function ownedAlready(t: Test, scene: VolumeScene): Promise<void> {
  for (const [fsGroupChangePolicy, group] of [
    ['OnRootMismatch', 0],
    ['Always', 1234],
  ] as const) {
    const name = fsGroupChangePolicy.toLowerCase();
    const path = await folder(scene, name);
    await writeFile(join(path, 'file'), '');
    await chown(path, 0, 1234);
    await chmod(path, 0o2770);
    const main = shell('main', 'stat -c %g /v/file >/dev/termination-log', [
      { name: 'v', mountPath: '/v' },
    ]);
    const pod = makePod(name, {
      ...{ restartPolicy: 'Never', securityContext: { fsGroup: 1234, fsGroupChangePolicy } },
      containers: [main],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }],
    });
    const claim = claimOf(name, { local: { path } });
    scene.engine.put(asDesired('VolumeClaim', claim), asDesired('Pod', pod));
    t.equal((await endOf(scene, pod))?.message, `${group}\n`, fsGroupChangePolicy);
    scene.engine.remove(pod);
  }
}

async function restarted(t: Test, scene: VolumeScene): Promise<void> {
  const path = await folder(scene, 'kept');
  const script = 'while :; do date +%s%N >/v/tick; sleep 0.1; done';
  const main = shell('main', script, [{ name: 'v', mountPath: '/v' }]);
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'kept' } }];
  const pod = makePod('kept', { containers: [main], volumes });
  scene.engine.put(
    asDesired('VolumeClaim', claimOf('kept', { local: { path } })),
    asDesired('Pod', pod),
  );
  await scene.engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  const tick = (): Promise<string> => readFile(join(path, 'tick'), 'utf8').catch(() => '');
  await waitFor(async () => (await tick()) !== '', { what: 'a tick', timeoutMs: 10_000 });
  await scene.restart();
  const then = await tick();
  await scene.engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  await waitFor(async () => (await tick()) > then, { what: 'another tick', timeoutMs: 10_000 });
  t.equal((await scene.mountsOf(pod)).length, 1);
  t.match(scene.engine.status(pod)?.containerStatuses, [{ restartCount: 0 }]);
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}
