import { isCritical } from '../../kube/priority.ts';
import { podRequest } from '../../kube/pod-totals.ts';
import { useOf, type Consumption, type StarvedResource } from './pod-consumption.ts';

/**
 * The pods that may be evicted for want of a resource, the first to go first: those that use more than
 * they requested, then by priority, then by how much more they use. Critical pods are none of them.
 * Source: kubelet, pkg/kubelet/eviction/helpers.go, rankMemoryPressure, rankDiskPressureFunc.
 */
export function rankPods(pods: readonly Consumption[], resource: StarvedResource): Consumption[] {
  return pods
    .filter(({ pod }) => !isCritical(pod))
    .map((usage) => {
      const overBytes = useOf(usage, resource) - requestedOf(usage, resource);
      return { usage, overBytes, exceeds: overBytes > 0 ? 0 : 1 };
    })
    .sort(
      (a, b) =>
        a.exceeds - b.exceeds ||
        (a.usage.pod.spec.priority ?? 0) - (b.usage.pod.spec.priority ?? 0) ||
        b.overBytes - a.overBytes,
    )
    .map(({ usage }) => usage);
}

/** Inodes and processes can't be requested. */
function requestedOf({ pod }: Consumption, resource: StarvedResource): number {
  const isRequestable = resource === 'memory' || resource === 'ephemeral-storage';
  return isRequestable ? Number(podRequest(pod.spec, resource) / 1_000_000_000n) : 0;
}
