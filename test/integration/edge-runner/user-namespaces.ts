import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Container, Pod, PodSpec } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { endOf, shell, type VolumeScene } from './volume-scene.ts';

/** Pods with `hostUsers: false`: containerd can from 2.0 on, with runc from 1.2 on. */
export async function userNamespaces(t: Test, scene: VolumeScene): Promise<void> {
  const { runtimeHandlers } = await scene.engine.cri.status({});
  const byDefault = runtimeHandlers.find(({ name }) => name === '');
  t.match(scene.engine.node.report.runtimeHandlers ?? [], runtimeHandlers.map(asTold));
  if (byDefault?.features?.userNamespaces !== true) {
    t.comment('this runtime has no user namespaces for pods: what they do is not tested');
    await t.test('a runtime that has none says so', (t) => refused(t, scene));
    return;
  }
  await t.test('volumes and messages look as in any pod', (t) => volumes(t, scene));
  await t.test('a pod keeps its ids for its whole life', (t) => keepsIds(t, scene));
}

function asTold({ name }: { name: string }): object {
  return { name, recursiveReadOnlyMounts: Boolean, userNamespaces: Boolean };
}

function podWith(name: string, main: Container, more: Partial<PodSpec> = {}): Pod {
  return makePod(name, { hostUsers: false, containers: [main], ...more });
}

async function refused(t: Test, scene: VolumeScene): Promise<void> {
  const pod = podWith('own-users', shell('main', 'true'));
  const before = makePod('device-users', {
    ...{ hostUsers: true, restartPolicy: 'Never' },
    containers: [shell('main', 'grep "0 *0 *4294967295" /proc/self/uid_map')],
  });
  scene.engine.put(asDesired('Pod', pod), asDesired('Pod', before));
  await scene.untilEvent(
    pod,
    'FailedCreatePodSandBox',
    "Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces",
  );
  t.match(scene.engine.status(pod), {
    phase: 'Pending',
    containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }],
  });
  t.match(await endOf(scene, before), { exitCode: 0 });
  scene.engine.remove(pod);
  scene.engine.remove(before);
  await scene.untilNothingIsLeft(pod);
}

/** What the runner writes for a pod, what lies on the device, and what the pod writes itself. */
async function volumes(t: Test, scene: VolumeScene): Promise<void> {
  const folder = join(scene.device.dir, 'for-own-users');
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, 'secret'), 'of root', { mode: 0o600 });
  const at = ['conf', 'token', 'scratch', 'memory', 'folder'].map((name) => ({
    ...{ name, mountPath: `/${name}` },
  }));
  const deep = { name: 'scratch', mountPath: '/deep', subPath: 'below' };
  const look = `cd /; for f in conf/shape token/token scratch memory deep etc/hosts; do echo "$f $(stat -Lc '%a %u:%g' $f)"; done
    touch scratch/f memory/f deep/f && stat -c '%n %u:%g' scratch/f memory/f deep/f; id -u; wc -c <token/token`;
  const script = `(${look}) >/dev/termination-log 2>&1`;
  const pod = (name: string, securityContext: PodSpec['securityContext'] = {}): Pod =>
    podWith(name, shell('main', script, [...at, deep]), {
      ...{ restartPolicy: 'Never', securityContext },
      volumes: [
        { name: 'conf', configMap: { name: 'own-users', defaultMode: 0o440 } },
        {
          name: 'token',
          projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'x' } }] },
        },
        { name: 'scratch', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        { name: 'folder', hostPath: { path: folder } },
      ],
    });
  const config = { metadata: { name: 'own-users', namespace: 'berlin' }, data: { shape: 'round' } };
  const [root, other] = [
    pod('as-root'),
    pod('as-other', { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 }),
  ];
  scene.engine.put(
    asDesired('ConfigMap', config),
    ...[root, other].map((each) => asDesired('Pod', each)),
  );
  t.equal(
    (await endOf(scene, root))?.message,
    `conf/shape 440 0:0
token/token 644 0:0
scratch 777 0:0
memory 1777 0:0
deep 777 0:0
etc/hosts 644 0:0
scratch/f 0:0
memory/f 0:0
deep/f 0:0
0
42
`,
  );
  t.equal(
    (await endOf(scene, other))?.message,
    `conf/shape 440 0:2000
token/token 640 1000:2000
scratch 2777 0:2000
memory 3777 0:2000
deep 2777 0:2000
etc/hosts 644 0:0
scratch/f 1000:2000
memory/f 1000:2000
deep/f 1000:2000
1000
42
`,
  );
  for (const each of [root, other]) {
    scene.engine.remove(each);
    await scene.untilNothingIsLeft(each);
  }
}

async function keepsIds(t: Test, scene: VolumeScene): Promise<void> {
  const script = 'rm -f /s/end; until [ -e /s/end ]; do sleep 0.1; done';
  const named = (name: string): Pod =>
    podWith(name, shell('main', script, [{ name: 's', mountPath: '/s' }]), {
      volumes: [{ name: 's', emptyDir: {} }],
    });
  const [pod, beside] = [named('keeps-ids'), named('beside')];
  beside.metadata.annotations = { 'kubernetes.io/egress-bandwidth': '8M' };
  scene.engine.put(asDesired('Pod', pod), asDesired('Pod', beside));
  await runs(scene, pod);
  await runs(scene, beside);
  const map = await mapOf(scene, pod);
  const [inside = NaN, outside = NaN, length = NaN] = map;
  t.strictSame([inside, outside % 65_536, length], [0, 0, 65_536]);
  t.ok(outside >= 65_536, `root is ${outside} on the device`);
  t.not((await mapOf(scene, beside))[1], outside, 'another pod has other ids');
  await scene.exec(pod, 'main', 'touch /s/made');
  const [dir = ''] = scene.dirsOf(pod);
  const made = await stat(join(dir, 'volumes/kubernetes.io~empty-dir/s/made'));
  t.equal(made.uid, 0, 'what it writes belongs to the same user outside');
  const kept = JSON.parse(await readFile(join(dir, 'userns'), 'utf8')) as object;
  const mappings = [{ hostId: outside, containerId: 0, length: 65_536 }];
  t.strictSame(kept, { uidMappings: mappings, gidMappings: mappings });

  await scene.restart();
  await scene.exec(pod, 'main', 'touch /s/end');
  await scene.engine.until(pod, 'started again', ({ containerStatuses: [main] = [] }) => {
    return main?.restartCount === 1 && main.state.running !== undefined;
  });
  t.strictSame(await mapOf(scene, pod), map, 'also what another runner starts has them');
  for (const each of [pod, beside]) {
    scene.engine.remove(each);
    await scene.untilNothingIsLeft(each);
  }
}

async function runs(scene: VolumeScene, pod: Pod): Promise<void> {
  await scene.engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
}

/** First id inside, first id outside, and how many, of users; those of groups are the same. */
async function mapOf(scene: VolumeScene, pod: Pod): Promise<number[]> {
  const text = await scene.exec(pod, 'main', 'cat /proc/self/uid_map /proc/self/gid_map');
  const [uids = '', gids = ''] = text.split('\n');
  if (uids !== gids) throw new Error(`users and groups differ: ${text}`);
  return uids.trim().split(/\s+/).map(Number);
}
