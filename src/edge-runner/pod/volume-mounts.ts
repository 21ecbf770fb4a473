import { isAbsolute } from 'node:path';
import type { Container, ImageVolumeSource, Pod, Secret, VolumeMount } from '../../kube/api.ts';
import type { EnvironmentEntry } from '../../kube/env.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { withSubPath } from '../../kube/sub-path.ts';
import type { Mount } from '../cri/container-messages.ts';
import type { InputOf } from '../cri/proto-message.ts';
import { checkSubPath } from '../volumes/sub-path.ts';
import { VolumeError } from '../volumes/volume-error.ts';
import type { PodEvents } from './event-recorder.ts';
import { mountMode } from './mount-mode.ts';
import type { PodContext } from './pod-context.ts';
import { PodProblem } from './pod-problem.ts';

export interface VolumeMountRequest {
  pod: Pod;
  container: Container;
  /** What the pod's images are pulled with. */
  secrets: readonly Secret[];
  events: PodEvents;
  signal: AbortSignal;
}

type Context = Pick<PodContext, 'images' | 'objects' | 'recursiveReadOnly' | 'volumes'>;

/**
 * A container's volumes as the runtime mounts them. Of an image volume the image is pulled first, under
 * the volume's own policy; a runtime that can't mount images refuses the container, as a kubelet's does.
 * @throws PodProblem `CreateContainerConfigError`, and as ImagePuller; CriError when the runtime is away
 * Source: kubelet, makeMounts and getImageVolumes.
 */
export async function volumeMounts(
  context: Context,
  request: VolumeMountRequest,
  env: EnvironmentEntry[],
): Promise<InputOf<typeof Mount>[]> {
  const mounts: InputOf<typeof Mount>[] = [];
  try {
    for (const mount of request.container.volumeMounts ?? []) {
      mounts.push(await volumeMount(context, request, withSubPath(mount, env)));
    }
  } catch (error) {
    if (!(error instanceof VolumeError) && !(error instanceof KubeRuleError)) throw error;
    throw new PodProblem('CreateContainerConfigError', error.message, { cause: error });
  }
  return mounts;
}

async function volumeMount(
  context: Context,
  request: VolumeMountRequest,
  mount: VolumeMount,
): Promise<InputOf<typeof Mount>> {
  const { pod, container, signal } = request;
  const mode = mountMode(mount, context.recursiveReadOnly(pod.spec.runtimeClassName));
  const containerPath = isAbsolute(mount.mountPath) ? mount.mountPath : `/${mount.mountPath}`;
  const image = pod.spec.volumes?.find(({ name }) => name === mount.name)?.image;
  if (image !== undefined) {
    const { subPath: imageSubPath = '' } = mount;
    checkSubPath(imageSubPath);
    const spec = await imageSpec(context, request, image);
    return { containerPath, readonly: true, ...mode, image: spec, imageSubPath };
  }
  const source = await context.volumes.mountFor(pod, container, mount, signal);
  return { containerPath, hostPath: source.hostPath, readonly: source.readOnly, ...mode };
}

async function imageSpec(
  { images, objects }: Context,
  { pod, secrets, events, signal }: VolumeMountRequest,
  { reference = '', pullPolicy }: ImageVolumeSource,
): Promise<InputOf<typeof Mount>['image']> {
  const container: Container = { name: '', image: reference };
  if (pullPolicy !== undefined) container.imagePullPolicy = pullPolicy;
  // The events are about the pod, not about one of its containers.
  const ofPod: PodEvents = {
    record: (type, reason, message) => {
      events.record(type, reason, message);
    },
  };
  const { id } = await images.ensure({ pod, container, secrets, events: ofPod, signal });
  const { runtimeClassName = '' } = pod.spec;
  return {
    image: id,
    userSpecifiedImage: reference,
    runtimeHandler: objects.runtimeClass(runtimeClassName)?.handler,
    annotations: pod.metadata.annotations,
  };
}
