import type { Container, PodSpec, ResourceRequirements } from './api.ts';
import { parseQuantity, quantityToBytes, quantityToMilliCpu } from './quantity.ts';

export interface LinuxResources {
  /** Relative weight, 2 to 262144. */
  cpuShares: number;
  /** CPU time in each period, in microseconds; 0 is no limit. */
  cpuQuota: number;
  cpuPeriodUs: number;
  /** 0 is no limit. */
  memoryLimitBytes: number;
  /** By page size; sizes that aren't named stay as they are. */
  hugePages?: readonly HugePageLimit[];
}

/** `pageSize` as CRI and the kernel write it: `2MB`, `1GB`. */
export interface HugePageLimit {
  pageSize: string;
  limitBytes: number;
}

/**
 * A container's requests and limits in the kernel's terms. A missing CPU request counts as the limit.
 * A container without a limit has that of its pod as a whole, `pod`, where there is one.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubelet, calculateLinuxResources, getCPULimit; pkg/kubelet/cm/helpers_linux.go.
 */
export function linuxResourcesOf(
  container: Pick<Container, 'resources'>,
  pod: Pick<PodSpec, 'resources'> = {},
): LinuxResources {
  const { requests } = container.resources ?? {};
  const limitOf = (resource: 'cpu' | 'memory'): string =>
    set(container.resources, resource) ?? set(pod.resources, resource) ?? '0';
  const limitMilliCpu = quantityToMilliCpu(limitOf('cpu'));
  return linuxResources({
    limitMilliCpu,
    requestMilliCpu: requests?.cpu === undefined ? limitMilliCpu : quantityToMilliCpu(requests.cpu),
    memoryLimitBytes: quantityToBytes(limitOf('memory')),
  });
}

/** A limit of 0 is none. */
function set(
  resources: ResourceRequirements | undefined,
  resource: 'cpu' | 'memory',
): string | undefined {
  const limit = resources?.limits?.[resource];
  return limit === undefined || parseQuantity(limit) === 0n ? undefined : limit;
}

/**
 * How much of each size of huge pages a container may have, with sizes as CRI writes them: `2MB`,
 * `1GB`. Of the machine's sizes, `machineSizes` in bytes, those that nobody asked for are none.
 * Source: kubelet, GetHugepageLimitsFromResources.
 */
export function hugePageLimits(
  { resources }: Pick<Container, 'resources'>,
  pod: Pick<PodSpec, 'resources'> = {},
  machineSizes: readonly number[] = [],
): HugePageLimit[] {
  const limits = new Map(machineSizes.map((bytes) => [pageSizeText(bytes), 0]));
  for (const asked of [pod.resources?.limits, resources?.limits]) {
    for (const [name, amount] of Object.entries(asked ?? {})) {
      if (!name.startsWith(hugePages)) continue;
      const bytes = quantityToBytes(name.slice(hugePages.length));
      limits.set(pageSizeText(bytes), quantityToBytes(amount));
    }
  }
  return Array.from(limits, ([pageSize, limitBytes]) => ({ pageSize, limitBytes }));
}

const hugePages = 'hugepages-';

export function pageSizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let size = bytes;
  while (size >= 1024 && units.length > 1) {
    size /= 1024;
    units.shift();
  }
  return `${size}${units[0] ?? ''}`;
}

/** Amounts in the kernel's terms; a limit of 0 is none. */
export function linuxResources(amounts: {
  requestMilliCpu: number;
  limitMilliCpu: number;
  memoryLimitBytes: number;
}): LinuxResources {
  return {
    cpuShares: sharesOf(amounts.requestMilliCpu),
    cpuQuota: quotaOf(amounts.limitMilliCpu),
    cpuPeriodUs,
    memoryLimitBytes: amounts.memoryLimitBytes,
  };
}

const cpuPeriodUs = 100_000;
const minQuotaUs = 1000;
const minShares = 2;
const maxShares = 262_144;

/** The weight of a CPU request in cgroup v1. */
export function sharesOf(milliCpu: number): number {
  const shares = Math.floor((milliCpu * 1024) / 1000);
  return Math.min(Math.max(shares, minShares), maxShares);
}

function quotaOf(milliCpu: number): number {
  if (milliCpu === 0) return 0;
  return Math.max(Math.floor((milliCpu * cpuPeriodUs) / 1000), minQuotaUs);
}
