import type { DiskUsage } from '../host/disk-usage.ts';
import type { InterfaceCounters } from '../host/network-counters.ts';
import type { FilesystemUsage } from '../host/pressure.ts';
import type { CpuRates } from './cpu-rates.ts';
import type { ContainerUsage, NodeUsage, PodUsage, ResourceUsage, Usage } from './usage.ts';
import type { VolumeUsage } from './volume-usage.ts';

/** Sizes on disk of one pod; absent when only CPU and memory are asked for. */
export interface PodDisk {
  readonly volumes: readonly VolumeUsage[];
  /** By container name. */
  readonly logs: ReadonlyMap<string, DiskUsage>;
}

export interface SummaryInput {
  readonly usage: Usage;
  readonly nodeName: string;
  /** By pod uid; undefined: CPU and memory only. */
  readonly disks: ReadonlyMap<string, PodDisk> | undefined;
  readonly rates: CpuRates;
}

/**
 * A kubelet's `/stats/summary`.
 * Source: k8s.io/kubelet, pkg/apis/stats/v1alpha1.
 */
export function statsSummary({ usage, nodeName, disks, rates }: SummaryInput): object {
  const { node, pods } = usage;
  rates.begin();
  const resources = (key: string, each: ResourceUsage): object => ({
    ...cpuStats(rates, key, each.cpu),
    ...memoryStats(each.memory),
    ...swapStats(each.swap),
  });
  return {
    node: {
      nodeName,
      startTime: time(node.bootedAtMs),
      ...cpuStats(rates, '', { atMs: node.atMs, nanoseconds: node.cpuNanoseconds }),
      memory: {
        time: time(node.atMs),
        availableBytes: node.memory.availableBytes,
        usageBytes: node.memory.usedBytes,
        workingSetBytes: node.memory.workingSetBytes,
      },
      swap: {
        time: time(node.atMs),
        swapAvailableBytes: node.memory.swapFreeBytes,
        swapUsageBytes: node.memory.swapUsedBytes,
      },
      ...(disks === undefined ? {} : nodeDisk(node)),
    },
    pods: pods.map((pod) => {
      const disk = disks?.get(pod.pod.metadata.uid ?? '');
      const { name, namespace, uid } = pod.pod.metadata;
      return {
        podRef: { name, namespace, uid },
        startTime: time(pod.startedAtMs),
        containers: pod.containers.map((each) => ({
          name: each.container.name,
          startTime: time(each.startedAtMs),
          ...resources(each.container.id, each),
          ...(disk === undefined ? {} : containerDisk(node, each, disk)),
        })),
        ...resources(pod.sandboxId, pod),
        ...(disk === undefined ? {} : podDisk(node, pod, disk)),
        ...(pod.processes === undefined ? {} : { process_stats: { process_count: pod.processes } }),
      };
    }),
  };
}

function cpuStats(rates: CpuRates, key: string, cpu: ResourceUsage['cpu']): object {
  if (cpu === undefined) return {};
  const usageNanoCores = rates.usageNanoCores(key, cpu);
  return {
    cpu: {
      time: time(cpu.atMs),
      ...(usageNanoCores === undefined ? {} : { usageNanoCores }),
      usageCoreNanoSeconds: cpu.nanoseconds,
    },
  };
}

function memoryStats(memory: ResourceUsage['memory']): object {
  if (memory === undefined) return {};
  const { atMs, ...bytes } = memory;
  return { memory: { time: time(atMs), ...bytes } };
}

function swapStats(swap: ResourceUsage['swap']): object {
  if (swap === undefined) return {};
  const { atMs, usedBytes, limitBytes } = swap;
  return {
    swap: {
      time: time(atMs),
      ...(limitBytes === undefined
        ? {}
        : { swapAvailableBytes: Math.max(0, limitBytes - usedBytes) }),
      swapUsageBytes: usedBytes,
    },
  };
}

function nodeDisk(node: NodeUsage): object {
  const { imageFs, nodeFs, pids } = node;
  const nodeBytes = nodeFs.capacityBytes - nodeFs.availableBytes;
  return {
    network: networkStats(node.atMs, node.network),
    fs: fsStats(node, nodeFs, { bytes: nodeBytes, inodes: nodeFs.inodes - nodeFs.inodesFree }),
    runtime: {
      imageFs: fsStats(node, imageFs, {
        bytes: imageFs.imageBytes,
        inodes: imageFs.inodes - imageFs.inodesFree,
      }),
    },
    rlimit: { time: time(node.atMs), maxpid: pids.max, curproc: pids.running },
  };
}

function containerDisk(node: NodeUsage, each: ContainerUsage, disk: PodDisk): object {
  const { rootFsBytes: bytes, rootFsInodes: inodes, container } = each;
  const logs = disk.logs.get(container.name) ?? { bytes: 0, inodes: 0 };
  return {
    rootfs: fsStats(node, node.imageFs, { bytes, inodes }),
    logs: fsStats(node, node.nodeFs, logs),
  };
}

function podDisk(node: NodeUsage, pod: PodUsage, { volumes, logs }: PodDisk): object {
  const onDisk = [
    ...volumes.filter(({ inMemory }) => !inMemory),
    ...logs.values(),
    ...pod.containers.map((each) => ({ bytes: each.rootFsBytes, inodes: each.rootFsInodes })),
  ];
  return {
    network: networkStats(node.atMs, pod.network),
    volume: volumes.map((usage) => ({
      name: usage.volume.name,
      ...fsStats(node, node.nodeFs, usage),
    })),
    'ephemeral-storage': fsStats(node, node.nodeFs, {
      bytes: sum(onDisk.map(({ bytes }) => bytes)),
      inodes: sum(onDisk.map(({ inodes }) => inodes)),
    }),
  };
}

function networkStats(atMs: number, interfaces: readonly InterfaceCounters[]): object {
  const [first] = interfaces;
  return { time: time(atMs), ...first, interfaces };
}

function fsStats({ atMs }: NodeUsage, fs: FilesystemUsage, used: DiskUsage): object {
  return {
    time: time(atMs),
    availableBytes: fs.availableBytes,
    capacityBytes: fs.capacityBytes,
    usedBytes: used.bytes,
    inodesFree: fs.inodesFree,
    inodes: fs.inodes,
    inodesUsed: used.inodes,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
