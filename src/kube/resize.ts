import type { Container, Pod, ResourceRequirements } from './api.ts';
import { linuxResourcesOf } from './container-resources.ts';

/** The resources of a container that can change while it runs. */
export function resizable({ resources }: Container): ResourceRequirements {
  const { requests, limits } = resources ?? {};
  return { ...part('requests', requests), ...part('limits', limits) };
}

/**
 * How a running container comes from the resources that it has to those that its spec names.
 * Source: Kubernetes, "Resize CPU and Memory Resources assigned to Containers".
 */
export function resizeOf(
  container: Container,
  has: ResourceRequirements,
): 'none' | 'in-place' | 'restart' {
  const before = linuxResourcesOf({ ...container, resources: has });
  const after = linuxResourcesOf(container);
  const changed = [
    ...(before.cpuShares === after.cpuShares && before.cpuQuota === after.cpuQuota ? [] : ['cpu']),
    ...(before.memoryLimitBytes === after.memoryLimitBytes ? [] : ['memory']),
  ];
  if (changed.length === 0) return 'none';
  const restarts = container.resizePolicy?.some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && changed.includes(resourceName),
  );
  return restarts === true ? 'restart' : 'in-place';
}

/** The pod with the resources that another form of it has. */
export function withResourcesOf(pod: Pod, other: Pod): Pod {
  const keep = (containers: Container[], others: Container[] = []): Container[] =>
    containers.map((container) => {
      const old = others.find(({ name }) => name === container.name);
      return old === undefined ? container : { ...container, resources: old.resources ?? {} };
    });
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: keep(containers, other.spec.containers),
      ...(initContainers && { initContainers: keep(initContainers, other.spec.initContainers) }),
    },
  };
}

function part(
  list: 'requests' | 'limits',
  amounts: Record<string, string> | undefined,
): ResourceRequirements {
  const known = Object.entries(amounts ?? {}).filter(([name]) => ['cpu', 'memory'].includes(name));
  return known.length === 0 ? {} : { [list]: Object.fromEntries(known) };
}
