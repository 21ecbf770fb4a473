import type { Container, ContainerStatus, PodSpec, PodStatus } from './api.ts';

/** The status with this name, if there is one. */
export function statusNamed(
  statuses: ContainerStatus[] | undefined,
  name: string,
): ContainerStatus | undefined {
  return statuses?.find((status) => status.name === name);
}

/** The statuses of all containers of a pod, of whatever kind. */
export function allStatuses(status: PodStatus | undefined): ContainerStatus[] {
  return [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
}

/** An init container that goes on beside the others until the pod ends. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** Init containers that must end before the next one starts. */
export function plainInitContainers(spec: PodSpec): Container[] {
  return (spec.initContainers ?? []).filter((container) => !isSidecar(container));
}

export function sidecars(spec: PodSpec): Container[] {
  return (spec.initContainers ?? []).filter(isSidecar);
}

/** Whether a container, not an init container, runs or has run: then the pod is initialized for good. */
export function hasRegularContainerStarted(
  spec: PodSpec,
  statuses: ContainerStatus[] | undefined,
): boolean {
  return spec.containers.some(({ name }) => {
    const state = statusNamed(statuses, name)?.state;
    return state?.running !== undefined || state?.terminated !== undefined;
  });
}
