import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { VolumeMount } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { endOf, shell, type VolumeScene } from './volume-scene.ts';

/**
 * A container plants links in a volume, and the next one mounts them by `subPath`: the way in which
 * containers got at a kubelet's device (CVE-2017-1002101).
 */
export async function plantedLinks(t: Test, scene: VolumeScene): Promise<void> {
  const links: [name: string, plant: string, subPath: string][] = [
    ['absolute', 'ln -s / /v/out', 'out'],
    ['relative', 'ln -s ../../../../../../../../../.. /v/out', 'out'],
    ['deep', 'mkdir /v/a && ln -s /etc /v/a/out', 'a/out'],
    ['through', 'ln -s / /v/out', 'out/etc'],
    ['made', 'ln -s / /v/out', `out${scene.device.dir}/planted`],
    ['file', 'ln -s /etc/shadow /v/out', 'out'],
    ['chain', 'ln -s b /v/out && ln -s / /v/b', 'out'],
  ];
  for (const [name, plant, subPath] of links) {
    await t.test(`a link that leads out is not followed: ${name}`, (t) =>
      staysOut(t, scene, { name, plant, subPath }),
    );
  }
  await t.test('a link that stays in its volume is', (t) => followsInside(t, scene));
  await t.test('a link in a folder of the device is no way out of it either', (t) =>
    leavesNoHostPath(t, scene),
  );
}

interface Link {
  name: string;
  plant: string;
  subPath: string;
}

async function staysOut(t: Test, scene: VolumeScene, link: Link): Promise<void> {
  const mount: VolumeMount = { name: 'v', mountPath: '/v' };
  const pod = makePod(`link-${link.name}`, {
    initContainers: [shell('plants', link.plant, [mount])],
    containers: [shell('main', 'ls -a /v; sleep 1000', [{ ...mount, subPath: link.subPath }])],
    volumes: [{ name: 'v', emptyDir: {} }],
  });
  scene.engine.put(asDesired('Pod', pod));
  const status = await scene.engine.until(pod, 'refused', ({ containerStatuses }) => {
    const state = containerStatuses?.[0]?.state;
    return state?.waiting?.reason === 'CreateContainerConfigError' || state?.running !== undefined;
  });
  t.match(status.containerStatuses?.[0]?.state.waiting, {
    message:
      /^failed to (prepare subPath|create subPath directory) for volumeMount "v" of container "main"$/,
  });
  await t.rejects(readFile(join(scene.device.dir, 'planted')), { code: 'ENOENT' });
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function followsInside(t: Test, scene: VolumeScene): Promise<void> {
  const plant = 'mkdir /v/real && echo inside >/v/real/f && ln -s real /v/out';
  const mount: VolumeMount = { name: 'v', mountPath: '/v' };
  const pod = makePod('link-inside', {
    restartPolicy: 'Never',
    initContainers: [shell('plants', plant, [mount])],
    containers: [shell('main', 'cat /v/f >/dev/termination-log', [{ ...mount, subPath: 'out' }])],
    volumes: [{ name: 'v', emptyDir: {} }],
  });
  scene.engine.put(asDesired('Pod', pod));
  t.match(await endOf(scene, pod), { exitCode: 0, message: 'inside\n' });
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function leavesNoHostPath(t: Test, scene: VolumeScene): Promise<void> {
  const path = join(scene.device.dir, 'trap');
  await mkdir(path);
  await writeFile(join(scene.device.dir, 'private'), 'of the device');
  await symlink('../private', join(path, 'out'));
  const mount: VolumeMount = { name: 'v', mountPath: '/v', subPath: 'out' };
  const pod = makePod('link-host', {
    containers: [shell('main', 'sleep 1000', [mount])],
    volumes: [{ name: 'v', hostPath: { path } }],
  });
  scene.engine.put(asDesired('Pod', pod));
  const status = await scene.engine.until(pod, 'refused', ({ containerStatuses }) => {
    return containerStatuses?.[0]?.state.waiting?.reason === 'CreateContainerConfigError';
  });
  t.match(status.containerStatuses?.[0]?.state.waiting, {
    message: 'failed to prepare subPath for volumeMount "v" of container "main"',
  });
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}
