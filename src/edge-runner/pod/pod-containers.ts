import type { Container, Pod } from '../../kube/api.ts';

/** Every container of a pod's spec, init containers first. */
export function containersOf(pod: Pod): Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

/** The container of a pod's spec with this name. */
export function containerNamed(pod: Pod, name: string): Container | undefined {
  return containersOf(pod).find((container) => container.name === name);
}
