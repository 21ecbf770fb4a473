import type { Test } from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import type { Container, Pod } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { endOf, shell, type VolumeScene } from './volume-scene.ts';

/** Volumes that are images: containerd mounts them from 2.1 on. */
export async function imageVolumes(t: Test, scene: VolumeScene): Promise<void> {
  const { runtimeVersion } = await scene.engine.cri.version({});
  const [major = 0, minor = 0] = runtimeVersion.replace(/^v/, '').split('.').map(Number);
  if (major > 2 || (major === 2 && minor >= 1)) {
    await t.test('an image is mounted, and cannot be written', (t) => mounted(t, scene));
  } else {
    await t.test('a runtime that can’t mount images says so', (t) => refused(t, scene));
  }
  await t.test('an image that must not be pulled and isn’t there', (t) => missing(t, scene));
}

function podWith(name: string, container: Container, reference = busyboxImage): Pod {
  const pullPolicy = reference === busyboxImage ? 'IfNotPresent' : 'Never';
  return makePod(name, {
    restartPolicy: 'Never',
    containers: [container],
    volumes: [{ name: 'v', image: { reference, pullPolicy } }],
  });
}

const mount = { name: 'v', mountPath: '/v' };

async function mounted(t: Test, scene: VolumeScene): Promise<void> {
  const script = 'ls /v/bin/sh >/dev/termination-log; touch /v/f';
  const pod = podWith('image', shell('main', script, [mount]));
  scene.engine.put(asDesired('Pod', pod));
  t.match(await endOf(scene, pod), { exitCode: 1, message: '/v/bin/sh\n' });
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function refused(t: Test, scene: VolumeScene): Promise<void> {
  const pod = podWith('image', shell('main', 'true', [mount]));
  scene.engine.put(asDesired('Pod', pod));
  t.match(
    await waits(scene, pod, 'CreateContainerError'),
    /^failed to generate container .*: failed to mkdir "": mkdir : no such file or directory$/,
  );
  await scene.untilEvent(
    pod,
    'Pulled',
    `Container image "${busyboxImage}" already present on machine and can be accessed by the pod`,
  );
  scene.engine.remove(pod);
}

async function missing(t: Test, scene: VolumeScene): Promise<void> {
  const pod = podWith('no-image', shell('main', 'true', [mount]), 'nowhere.test/x:1');
  scene.engine.put(asDesired('Pod', pod));
  t.equal(
    await waits(scene, pod, 'ErrImageNeverPull'),
    'Container image "nowhere.test/x:1" is not present with pull policy of Never',
  );
  scene.engine.remove(pod);
}

async function waits(scene: VolumeScene, pod: Pod, reason: string): Promise<string | undefined> {
  const status = await scene.engine.until(pod, reason, ({ containerStatuses }) => {
    return containerStatuses?.[0]?.state.waiting?.reason === reason;
  });
  return status.containerStatuses?.[0]?.state.waiting?.message;
}
