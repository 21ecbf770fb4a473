import type { Pod, PodStatus } from '../../kube/api.ts';
import { containersOf } from '../pod/pod-containers.ts';
import { hasEnded } from '../pod/pod-status.ts';

/** A pod of the pod engine. */
export interface ImageUser {
  readonly pod: Pod;
  readonly isDesired: boolean;
  readonly status: PodStatus | undefined;
}

/** The names of all images that pods may still start containers from. */
export function neededImages(pods: Iterable<ImageUser>): Set<string> {
  const names = new Set<string>();
  for (const { pod, isDesired, status } of pods) {
    if (!isDesired || hasEnded(status)) continue;
    for (const { image } of containersOf(pod)) if (image !== undefined) names.add(image);
    for (const { image } of pod.spec.volumes ?? [])
      if (image?.reference) names.add(image.reference);
  }
  return names;
}
