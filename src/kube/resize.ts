import { isDeepStrictEqual } from 'node:util';
import type { Container, Pod, PodSpec, PodStatus, ResourceRequirements } from './api.ts';
import { linuxResourcesOf } from './container-resources.ts';
import { allStatuses } from './container-status.ts';

/** The resources of a container, or of a pod as a whole, that can change while it runs. */
export function resizable({ resources }: Pick<Container, 'resources'>): ResourceRequirements {
  const { requests, limits } = resources ?? {};
  return { ...part('requests', requests), ...part('limits', limits) };
}

/** What a running container has been given. */
export interface GivenResources {
  container: ResourceRequirements;
  /** Of its pod as a whole, then; what its spec says where that isn't known. */
  pod?: ResourceRequirements;
}

/**
 * How a running container comes from the resources that it has to those that its spec names, `pod` the
 * spec that it is in: a limit that it lacks is its pod's, and the pod changes with its containers.
 * Source: Kubernetes, "Resize CPU and Memory Resources assigned to Containers" and "… to Pods"; kubelet,
 * computePodResizeAction.
 */
export function resizeOf(
  container: Container,
  pod: Pick<PodSpec, 'resources'>,
  has: GivenResources,
): 'none' | 'in-place' | 'restart' {
  const before = linuxResourcesOf({ resources: has.container }, podOf(pod, has));
  const after = linuxResourcesOf(container, pod);
  const changed = [
    ...(before.cpuShares === after.cpuShares && before.cpuQuota === after.cpuQuota ? [] : ['cpu']),
    ...(before.memoryLimitBytes === after.memoryLimitBytes ? [] : ['memory']),
  ];
  if (changed.length === 0) return isOfPodNow(pod, has) ? 'none' : 'in-place';
  const restarts = container.resizePolicy?.some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && changed.includes(resourceName),
  );
  return restarts === true ? 'restart' : 'in-place';
}

/** Whether what its pod had as a whole is what it has now. */
export function isOfPodNow(pod: Pick<PodSpec, 'resources'>, has: GivenResources): boolean {
  return isDeepStrictEqual(linuxResourcesOf(podOf(pod, has)), linuxResourcesOf(pod));
}

function podOf(
  pod: Pick<PodSpec, 'resources'>,
  { pod: resources }: GivenResources,
): Pick<PodSpec, 'resources'> {
  return resources === undefined ? pod : { resources };
}

/** The pod with the resources that another form of it has. */
export function withResourcesOf(pod: Pod, other: Pod): Pod {
  const keep = (containers: Container[], others: Container[] = []): Container[] =>
    containers.map((container) => {
      const old = others.find(({ name }) => name === container.name);
      return old === undefined ? container : { ...container, resources: old.resources ?? {} };
    });
  const { containers, initContainers } = pod.spec;
  const { resources } = other.spec;
  const spec: PodSpec = {
    ...pod.spec,
    containers: keep(containers, other.spec.containers),
    ...(initContainers && { initContainers: keep(initContainers, other.spec.initContainers) }),
  };
  if (resources === undefined) delete spec.resources;
  else spec.resources = resources;
  return { ...pod, spec };
}

/** The pod with the CPU and memory that its status tells; what that doesn't tell is as its spec says. */
export function withResourcesTold(pod: Pod, status: PodStatus): Pod {
  const told = new Map(allStatuses(status).map((each) => [each.name, each.resources]));
  const those = <Part extends { name: string; resources?: ResourceRequirements }>(
    containers: Part[],
  ): Part[] =>
    containers.map((container) => {
      const resources = told.get(container.name);
      return resources === undefined
        ? container
        : { ...container, resources: overlay(container.resources, resources) };
    });
  const { containers, initContainers, resources } = pod.spec;
  const spec: PodSpec = {
    ...pod.spec,
    containers: those(containers),
    ...(initContainers && { initContainers: those(initContainers) }),
    ...(status.resources && { resources: overlay(resources, status.resources) }),
  };
  return { ...pod, spec };
}

function overlay(
  spec: ResourceRequirements = {},
  told: ResourceRequirements,
): ResourceRequirements {
  const list = (name: 'requests' | 'limits'): ResourceRequirements => {
    const others = Object.entries(spec[name] ?? {}).filter(([each]) => !isResizable(each));
    const own = Object.entries(told[name] ?? {}).filter(([each]) => isResizable(each));
    const all = Object.fromEntries([...others, ...own]);
    return Object.keys(all).length === 0 ? {} : { [name]: all };
  };
  return { ...list('requests'), ...list('limits') };
}

function part(
  list: 'requests' | 'limits',
  amounts: Record<string, string> | undefined,
): ResourceRequirements {
  const known = Object.entries(amounts ?? {}).filter(([name]) => isResizable(name));
  return known.length === 0 ? {} : { [list]: Object.fromEntries(known) };
}

function isResizable(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory';
}
