import type { Container, Pod } from '../../kube/api.ts';

/** Every container of a pod's spec: init containers, ordinary ones, ephemeral ones. */
export function containersOf(pod: Pod): Container[] {
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  return [...initContainers, ...containers, ...ephemeralContainers];
}

/** The container of a pod's spec with this name. */
export function containerNamed(pod: Pod, name: string): Container | undefined {
  return containersOf(pod).find((container) => container.name === name);
}
