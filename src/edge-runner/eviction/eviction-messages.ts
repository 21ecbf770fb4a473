import { formatBytes } from '../../kube/quantity.ts';
import { containerRequest, type Consumption, type StarvedResource } from './pod-consumption.ts';
import type { CrossedThreshold } from './pressure.ts';
import { limitOf } from './thresholds.ts';

/**
 * Why a pod was evicted, in a kubelet's words, its last blank included.
 * Source: kubelet, pkg/kubelet/eviction/helpers.go, evictionMessage.
 */
export function evictionMessage(
  { threshold, observation }: CrossedThreshold,
  usage: Consumption,
  resource: StarvedResource,
): string {
  const format = resource === 'inodes' || resource === 'pids' ? String : formatBytes;
  const quantity = format(limitOf(threshold, observation.capacity));
  const available = format(observation.available);
  const parts = [
    `The node was low on resource: ${resource}. `,
    `Threshold quantity: ${quantity}, available: ${available}. `,
  ];
  if (resource === 'pids') return parts.join('');
  for (const { name, memoryBytes, diskBytes, inodes } of usage.containers) {
    const used = { memory: memoryBytes, 'ephemeral-storage': diskBytes, inodes }[resource];
    const container = usage.pod.spec.containers.find((each) => each.name === name);
    const requested =
      resource === 'inodes' || container === undefined ? 0 : containerRequest(container, resource);
    if (used <= requested) continue;
    parts.push(
      `Container ${name} was using ${format(used)}, request is ${format(requested)}, has larger consumption of ${resource}. `,
    );
  }
  return parts.join('');
}
