import type { Pod, ResourceRequirements } from './api.ts';
import { parseQuantity } from './quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/**
 * Quality-of-service class from the CPU and memory of all containers and init containers, or of the
 * pod where it sets its own.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubernetes, pkg/apis/core/v1/helper/qos, ComputePodQOS.
 */
export function qosClassOf(pod: Pod): QosClass {
  const { spec } = pod;
  const parts = spec.resources
    ? [spec.resources]
    : [...spec.containers, ...(spec.initContainers ?? [])].map((c) => c.resources ?? {});
  const requests = total(parts.map((part) => part.requests));
  const limits = total(parts.map((part) => part.limits));
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const guaranteed =
    parts.every(limitsBoth) &&
    requests.size === limits.size &&
    Array.from(requests).every(([resource, amount]) => limits.get(resource) === amount);
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const resources = ['cpu', 'memory'];

function limitsBoth(part: ResourceRequirements): boolean {
  return resources.every((resource) => parseQuantity(part.limits?.[resource] ?? '0') > 0n);
}

function total(lists: (Record<string, string> | undefined)[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const list of lists) {
    for (const resource of resources) {
      const amount = parseQuantity(list?.[resource] ?? '0');
      if (amount > 0n) sums.set(resource, (sums.get(resource) ?? 0n) + amount);
    }
  }
  return sums;
}
