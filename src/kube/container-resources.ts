import type { Container } from './api.ts';
import { quantityToBytes, quantityToMilliCpu } from './quantity.ts';

export interface LinuxResources {
  /** Relative weight, 2 to 262144. */
  cpuShares: number;
  /** CPU time in each period, in microseconds; 0 is no limit. */
  cpuQuota: number;
  cpuPeriodUs: number;
  /** 0 is no limit. */
  memoryLimitBytes: number;
}

/**
 * A container's requests and limits in the kernel's terms. A missing CPU request counts as the limit.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubelet, calculateLinuxResources; pkg/kubelet/cm/helpers_linux.go.
 */
export function linuxResourcesOf(container: Container): LinuxResources {
  const { requests, limits } = container.resources ?? {};
  const limitMilliCpu = quantityToMilliCpu(limits?.cpu ?? '0');
  return linuxResources({
    limitMilliCpu,
    requestMilliCpu: requests?.cpu === undefined ? limitMilliCpu : quantityToMilliCpu(requests.cpu),
    memoryLimitBytes: quantityToBytes(limits?.memory ?? '0'),
  });
}

/** A container's huge pages by size, as CRI writes it: `2MB`, `1GB`. Source: kubelet, GetHugepageLimitsFromResources. */
export function hugePageLimits({
  resources,
}: Container): { pageSize: string; limitBytes: number }[] {
  return Object.entries(resources?.limits ?? {}).flatMap(([name, amount]) => {
    if (!name.startsWith(hugePages)) return [];
    const bytes = quantityToBytes(name.slice(hugePages.length));
    return [{ pageSize: pageSizeText(bytes), limitBytes: quantityToBytes(amount) }];
  });
}

const hugePages = 'hugepages-';

function pageSizeText(bytes: number): string {
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
