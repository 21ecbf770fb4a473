import { dirname, join } from 'node:path';
import type { LinuxResources } from '../../kube/container-resources.ts';
import type { CgroupFacts } from '../host/cgroups.ts';

/** What is to be written into one file of a cgroup. */
export interface CgroupFile {
  folder: string;
  name: string;
  text: string;
}

/** The files by which a cgroup gets its resources, in the order in which they must be written. Pure. */
export function cgroupFiles(
  facts: Pick<CgroupFacts, 'version' | 'mountPoints' | 'controllers'>,
  cgroup: string,
  resources: LinuxResources,
): CgroupFile[] {
  return facts.version === 1
    ? dividedFiles(facts.mountPoints, cgroup, resources)
    : unifiedFiles(facts, cgroup, resources);
}

function dividedFiles(
  mountPoints: CgroupFacts['mountPoints'],
  cgroup: string,
  { cpuShares, cpuQuota, cpuPeriodUs, memoryLimitBytes, hugePages = [] }: LinuxResources,
): CgroupFile[] {
  const file = (controller: string, name: string, value: number): CgroupFile[] => {
    const mount = mountPoints[controller];
    return mount === undefined ? [] : [{ folder: join(mount, cgroup), name, text: String(value) }];
  };
  return [
    ...file('cpu', 'cpu.shares', cpuShares),
    ...file('cpu', 'cpu.cfs_period_us', cpuPeriodUs),
    ...file('cpu', 'cpu.cfs_quota_us', cpuQuota === 0 ? -1 : cpuQuota),
    ...file('memory', 'memory.limit_in_bytes', memoryLimitBytes === 0 ? -1 : memoryLimitBytes),
    ...hugePages.flatMap(({ pageSize, limitBytes }) =>
      hugetlbFiles(pageSize, 'limit_in_bytes').flatMap((name) => file('hugetlb', name, limitBytes)),
    ),
  ];
}

/** Version 2 gives a cgroup only the controllers that all above it pass on. */
function unifiedFiles(
  { mountPoints, controllers }: Pick<CgroupFacts, 'mountPoints' | 'controllers'>,
  cgroup: string,
  { cpuShares, cpuQuota, cpuPeriodUs, memoryLimitBytes, hugePages = [] }: LinuxResources,
): CgroupFile[] {
  const mount = mountPoints[''] ?? '';
  const folder = join(mount, cgroup);
  const passed = wanted.filter((controller) => controllers.includes(controller));
  const text = passed.map((controller) => `+${controller}`).join(' ');
  const above = ancestors(mount, folder).map((each) => ({
    ...{ folder: each, name: 'cgroup.subtree_control', text },
  }));
  return [
    ...above,
    { folder, name: 'cpu.weight', text: String(weightOfShares(cpuShares)) },
    { folder, name: 'cpu.max', text: `${cpuQuota === 0 ? 'max' : cpuQuota} ${cpuPeriodUs}` },
    { folder, name: 'memory.max', text: memoryLimitBytes === 0 ? 'max' : String(memoryLimitBytes) },
    ...(controllers.includes('hugetlb') ? hugePages : []).flatMap(({ pageSize, limitBytes }) =>
      hugetlbFiles(pageSize, 'max').map((name) => ({ folder, name, text: String(limitBytes) })),
    ),
  ];
}

/** What may be used and, since Linux 5.7, reserved. Source: libcontainer, the hugetlb controller. */
function hugetlbFiles(pageSize: string, what: string): string[] {
  return [`hugetlb.${pageSize}.${what}`, `hugetlb.${pageSize}.rsvd.${what}`];
}

const wanted = ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'];

function ancestors(mount: string, folder: string): string[] {
  const found: string[] = [];
  for (let each = dirname(folder); each.startsWith(mount); each = dirname(each)) {
    found.unshift(each);
    if (each === mount) break;
  }
  return found;
}

/** The weight of version 2 for shares of version 1. Source: Kubernetes, CPUSharesToCPUWeight (KEP-2254). */
export function weightOfShares(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9999) / 262_142);
}
