import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { runChecked } from '../../../hack/lab/command.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { asDesired, makePod } from './engine.ts';
import { endOf, shell, type VolumeScene } from './volume-scene.ts';

/** Mounts that come while containers run, from the device and from a container. */
export async function mountSharing(t: Test, scene: VolumeScene): Promise<void> {
  await t.test('mounts are shared between device and containers as asked', (t) =>
    sharesMounts(t, scene),
  );
  if (scene.engine.context.recursiveReadOnly(undefined)) {
    await t.test('recursiveReadOnly holds for what is mounted below', (t) => recursion(t, scene));
  } else {
    await t.test('recursiveReadOnly that the runtime can’t do is refused', (t) =>
      refusesRecursion(t, scene),
    );
  }
}

async function sharesMounts(t: Test, scene: VolumeScene): Promise<void> {
  const path = join(scene.device.dir, 'shared');
  await mkdir(path);
  await runChecked('mount', ['--bind', path, path]);
  t.teardown(() => runChecked('umount', ['-R', path]));
  await runChecked('mount', ['--make-shared', path]);
  for (const name of ['device', 'container']) await mkdir(join(path, name));
  const idle = 'exec sleep 1000';
  const at = (mountPropagation?: string): Parameters<typeof shell>[2] => [
    { name: 'v', mountPath: '/v', ...(mountPropagation ? { mountPropagation } : {}) },
  ];
  const privileged = { securityContext: { privileged: true } };
  const pod = makePod('sharing', {
    containers: [
      shell('alone', idle, at()),
      shell('hears', idle, at('HostToContainer')),
      shell('tells', idle, at('Bidirectional'), privileged),
    ],
    volumes: [{ name: 'v', hostPath: { path } }],
  });
  scene.engine.put(asDesired('Pod', pod));
  await scene.engine.until(pod, 'Running', ({ conditions }) =>
    Boolean(conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')),
  );
  await runChecked('mount', ['-t', 'tmpfs', 'of-device', join(path, 'device')]);
  await scene.exec(pod, 'tells', 'mount -t tmpfs of-container /v/container');
  const seen = async (container: string): Promise<string[]> => {
    const table = await scene.exec(pod, container, 'cat /proc/mounts');
    return ['of-device', 'of-container'].filter((source) => table.includes(source));
  };
  await waitFor(async () => (await seen('hears')).length === 2, {
    what: 'the mounts to reach a container',
    timeoutMs: 10_000,
  });
  t.same(await seen('tells'), ['of-device', 'of-container']);
  t.same(await seen('alone'), []);
  const table = await runChecked('cat', ['/proc/self/mountinfo']);
  t.match(table, `${path}/container`, 'the device has the container’s mount');
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function recursion(t: Test, scene: VolumeScene): Promise<void> {
  const path = join(scene.device.dir, 'below');
  await mkdir(join(path, 'tmpfs'), { recursive: true });
  await runChecked('mount', ['-t', 'tmpfs', 'below', join(path, 'tmpfs')]);
  t.teardown(() => runChecked('umount', [join(path, 'tmpfs')]));
  const mount = { name: 'v', readOnly: true };
  const script = 'touch /flat/tmpfs/a; touch /all/tmpfs/b; ls /all/tmpfs >/dev/termination-log';
  const pod = makePod('recursive', {
    restartPolicy: 'Never',
    containers: [
      shell('main', script, [
        { ...mount, mountPath: '/flat' },
        { ...mount, mountPath: '/all', recursiveReadOnly: 'Enabled' },
      ]),
    ],
    volumes: [{ name: 'v', hostPath: { path } }],
  });
  scene.engine.put(asDesired('Pod', pod));
  t.match(await endOf(scene, pod), { message: 'a\n' }, 'only without it');
  t.match(scene.engine.status(pod)?.containerStatuses?.[0]?.volumeMounts, [
    { recursiveReadOnly: 'Disabled' },
    { recursiveReadOnly: 'Enabled' },
  ]);
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function refusesRecursion(t: Test, scene: VolumeScene): Promise<void> {
  const mount = { name: 'v', mountPath: '/v', readOnly: true };
  const volumes = [{ name: 'v', emptyDir: {} }];
  const podWith = (recursiveReadOnly: string): ReturnType<typeof makePod> =>
    makePod(`recursive-${recursiveReadOnly.toLowerCase()}`, {
      restartPolicy: 'Never',
      containers: [shell('main', 'true', [{ ...mount, recursiveReadOnly }])],
      volumes,
    });
  const [strict, lenient] = [podWith('Enabled'), podWith('IfPossible')];
  scene.engine.put(asDesired('Pod', strict), asDesired('Pod', lenient));
  await scene.engine.until(strict, 'refused', ({ containerStatuses }) => {
    const waiting = containerStatuses?.[0]?.state.waiting;
    return (
      waiting?.reason === 'CreateContainerConfigError' &&
      waiting.message ===
        'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not supported by the runtime'
    );
  });
  await scene.engine.until(lenient, 'over', ({ phase }) => phase === 'Succeeded');
  t.pass('what is only wished for hinders nothing');
  for (const pod of [strict, lenient]) scene.engine.remove(pod);
}
