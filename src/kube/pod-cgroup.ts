import type { Pod, PodSpec } from './api.ts';
import { linuxResources, sharesOf, type LinuxResources } from './container-resources.ts';
import { podLimit, podRequest } from './pod-totals.ts';
import { qosClassOf } from './qos.ts';
import { divideRoundingUp, parseQuantity } from './quantity.ts';

/**
 * What the cgroup of a whole pod is given: the sum of its containers' shares, and a limit where
 * every container has one.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubelet, ResourceConfigForPod.
 */
export function podCgroupResources(pod: Pod): LinuxResources {
  const { spec } = pod;
  const limit = (resource: string): bigint =>
    isLimited(spec, resource) ? podLimit(spec, resource) : 0n;
  const resources = linuxResources({
    requestMilliCpu: milli(podRequest(spec, 'cpu')),
    limitMilliCpu: milli(limit('cpu')),
    memoryLimitBytes: Number(divideRoundingUp(limit('memory'), 1_000_000_000n)),
  });
  return qosClassOf(pod) === 'BestEffort' ? { ...resources, cpuShares: sharesOf(0) } : resources;
}

/** The weight of all burstable pods together. Source: kubelet, setCPUCgroupConfig. */
export function burstableShares(pods: Iterable<Pod>): number {
  let nanoCpu = 0n;
  for (const pod of pods) {
    if (qosClassOf(pod) === 'Burstable') nanoCpu += podRequest(pod.spec, 'cpu');
  }
  return sharesOf(milli(nanoCpu));
}

function isLimited(spec: PodSpec, resource: string): boolean {
  const own = spec.resources?.limits?.[resource];
  if (own !== undefined) return parseQuantity(own) > 0n;
  return [...spec.containers, ...(spec.initContainers ?? [])].every(
    ({ resources }) => parseQuantity(resources?.limits?.[resource] ?? '0') > 0n,
  );
}

function milli(nano: bigint): number {
  return Number(divideRoundingUp(nano, 1_000_000n));
}
