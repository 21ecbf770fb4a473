import type { Pod, PodSpec } from './api.ts';
import {
  linuxResources,
  pageSizeText,
  sharesOf,
  type LinuxResources,
} from './container-resources.ts';
import { podLimit, podRequest } from './pod-totals.ts';
import { qosClassOf } from './qos.ts';
import { divideRoundingUp, parseQuantity, quantityToBytes } from './quantity.ts';

/**
 * What the cgroup of a whole pod is given: the sum of its containers' shares, and a limit where
 * every container has one. Of huge pages of the machine's sizes, in bytes, what is requested.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubelet, ResourceConfigForPod.
 */
export function podCgroupResources(pod: Pod, machineSizes: readonly number[] = []): LinuxResources {
  const { spec } = pod;
  const limit = (resource: string): bigint =>
    isLimited(spec, resource) ? podLimit(spec, resource) : 0n;
  const resources = {
    ...linuxResources({
      requestMilliCpu: milli(podRequest(spec, 'cpu')),
      limitMilliCpu: milli(limit('cpu')),
      memoryLimitBytes: bytes(limit('memory')),
    }),
    hugePages: machineSizes.map((size) => ({
      pageSize: pageSizeText(size),
      limitBytes: bytes(hugePagesRequest(spec, size)),
    })),
  };
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

/** Under whichever name of the size: `hugepages-2Mi` is `hugepages-2048Ki`. */
function hugePagesRequest(spec: PodSpec, size: number): bigint {
  const holders = [spec, ...(spec.initContainers ?? []), ...spec.containers];
  const names = holders.flatMap(({ resources }) => Object.keys(resources?.requests ?? {}));
  const asked = [...new Set(names)].filter(
    (name) => name.startsWith(prefix) && quantityToBytes(name.slice(prefix.length)) === size,
  );
  return asked.reduce((sum, name) => sum + podRequest(spec, name), 0n);
}

const prefix = 'hugepages-';

function bytes(nano: bigint): number {
  return Number(divideRoundingUp(nano, 1_000_000_000n));
}

function milli(nano: bigint): number {
  return Number(divideRoundingUp(nano, 1_000_000n));
}
