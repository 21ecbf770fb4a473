import type { Pod } from './api.ts';

/** Priorities from here on are the system's own (`system-cluster-critical` and above). */
export const systemCriticalPriority = 2_000_000_000;

/** Annotation that says where a static pod comes from; absent or `api` for the others. */
export const configSourceAnnotation = 'kubernetes.io/config.source';

/** Annotation with the hash of a static pod's file. */
export const configHashAnnotation = 'kubernetes.io/config.hash';

/** Annotation with the time at which a static pod was first seen, RFC 3339. */
export const configSeenAnnotation = 'kubernetes.io/config.seen';

/**
 * Whether a pod is one that its node can't do without: a static one, or one of the system's priority.
 * Source: kubelet, pkg/kubelet/types, IsCriticalPod.
 */
export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || (pod.spec.priority ?? 0) >= systemCriticalPriority;
}

/** Whether a pod comes from the device itself and not from the API. */
export function isStatic({ metadata }: Pod): boolean {
  const source = metadata.annotations?.[configSourceAnnotation];
  return source !== undefined && source !== 'api';
}

/**
 * Whether one pod may take the place of another.
 * Source: kubelet, pkg/kubelet/types, Preemptable.
 */
export function mayPreempt(preemptor: Pod, other: Pod): boolean {
  if (isCritical(preemptor) && !isCritical(other)) return true;
  return (preemptor.spec.priority ?? 0) > (other.spec.priority ?? 0);
}
