import { ContainerMetadata } from './container-messages.ts';
import { FilesystemUsage } from './image-messages.ts';
import { nested, repeated } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { double, nanoseconds, uint64 } from './proto-numbers.ts';
import { string, stringMap } from './proto-strings.ts';
import { UInt64Value } from './resource-messages.ts';
import { PodSandboxMetadata } from './sandbox-messages.ts';

/** `total` in nanoseconds, the averages in percent. */
export const PsiData = message({
  total: uint64(1),
  avg10: double(2),
  avg60: double(3),
  avg300: double(4),
});
export type PsiData = MessageOf<typeof PsiData>;

export const PsiStats = message({ full: nested(1, PsiData), some: nested(2, PsiData) });
export type PsiStats = MessageOf<typeof PsiStats>;

export const CpuUsage = message({
  timestamp: nanoseconds(1),
  usageCoreNanoSeconds: nested(2, UInt64Value),
  usageNanoCores: nested(3, UInt64Value),
  psi: nested(4, PsiStats),
});
export type CpuUsage = MessageOf<typeof CpuUsage>;

export const MemoryUsage = message({
  timestamp: nanoseconds(1),
  workingSetBytes: nested(2, UInt64Value),
  availableBytes: nested(3, UInt64Value),
  usageBytes: nested(4, UInt64Value),
  rssBytes: nested(5, UInt64Value),
  pageFaults: nested(6, UInt64Value),
  majorPageFaults: nested(7, UInt64Value),
  psi: nested(8, PsiStats),
});
export type MemoryUsage = MessageOf<typeof MemoryUsage>;

export const SwapUsage = message({
  timestamp: nanoseconds(1),
  swapAvailableBytes: nested(2, UInt64Value),
  swapUsageBytes: nested(3, UInt64Value),
});
export type SwapUsage = MessageOf<typeof SwapUsage>;

export const IoUsage = message({ timestamp: nanoseconds(1), psi: nested(2, PsiStats) });
export type IoUsage = MessageOf<typeof IoUsage>;

export const ContainerAttributes = message({
  id: string(1),
  metadata: nested(2, ContainerMetadata),
  labels: stringMap(3),
  annotations: stringMap(4),
});
export type ContainerAttributes = MessageOf<typeof ContainerAttributes>;

export const ContainerStats = message({
  attributes: nested(1, ContainerAttributes),
  cpu: nested(2, CpuUsage),
  memory: nested(3, MemoryUsage),
  writableLayer: nested(4, FilesystemUsage),
  swap: nested(5, SwapUsage),
  io: nested(6, IoUsage),
});
export type ContainerStats = MessageOf<typeof ContainerStats>;

export const ContainerStatsResponse = message({ stats: nested(1, ContainerStats) });
export type ContainerStatsResponse = MessageOf<typeof ContainerStatsResponse>;

export const ContainerStatsFilter = message({
  id: string(1),
  podSandboxId: string(2),
  labelSelector: stringMap(3),
});
export type ContainerStatsFilter = MessageOf<typeof ContainerStatsFilter>;

export const ListContainerStatsRequest = message({ filter: nested(1, ContainerStatsFilter) });
export type ListContainerStatsRequest = MessageOf<typeof ListContainerStatsRequest>;

export const ListContainerStatsResponse = message({ stats: repeated(1, ContainerStats) });
export type ListContainerStatsResponse = MessageOf<typeof ListContainerStatsResponse>;

export const NetworkInterfaceUsage = message({
  name: string(1),
  rxBytes: nested(2, UInt64Value),
  rxErrors: nested(3, UInt64Value),
  txBytes: nested(4, UInt64Value),
  txErrors: nested(5, UInt64Value),
});
export type NetworkInterfaceUsage = MessageOf<typeof NetworkInterfaceUsage>;

export const NetworkUsage = message({
  timestamp: nanoseconds(1),
  defaultInterface: nested(2, NetworkInterfaceUsage),
  interfaces: repeated(3, NetworkInterfaceUsage),
});
export type NetworkUsage = MessageOf<typeof NetworkUsage>;

export const ProcessUsage = message({
  timestamp: nanoseconds(1),
  processCount: nested(2, UInt64Value),
});
export type ProcessUsage = MessageOf<typeof ProcessUsage>;

export const LinuxPodSandboxStats = message({
  cpu: nested(1, CpuUsage),
  memory: nested(2, MemoryUsage),
  network: nested(3, NetworkUsage),
  process: nested(4, ProcessUsage),
  containers: repeated(5, ContainerStats),
  io: nested(6, IoUsage),
});
export type LinuxPodSandboxStats = MessageOf<typeof LinuxPodSandboxStats>;

export const PodSandboxAttributes = message({
  id: string(1),
  metadata: nested(2, PodSandboxMetadata),
  labels: stringMap(3),
  annotations: stringMap(4),
});
export type PodSandboxAttributes = MessageOf<typeof PodSandboxAttributes>;

export const PodSandboxStats = message({
  attributes: nested(1, PodSandboxAttributes),
  linux: nested(2, LinuxPodSandboxStats),
});
export type PodSandboxStats = MessageOf<typeof PodSandboxStats>;

export const PodSandboxStatsResponse = message({ stats: nested(1, PodSandboxStats) });
export type PodSandboxStatsResponse = MessageOf<typeof PodSandboxStatsResponse>;

export const PodSandboxStatsFilter = message({ id: string(1), labelSelector: stringMap(2) });
export type PodSandboxStatsFilter = MessageOf<typeof PodSandboxStatsFilter>;

export const ListPodSandboxStatsRequest = message({ filter: nested(1, PodSandboxStatsFilter) });
export type ListPodSandboxStatsRequest = MessageOf<typeof ListPodSandboxStatsRequest>;

export const ListPodSandboxStatsResponse = message({ stats: repeated(1, PodSandboxStats) });
export type ListPodSandboxStatsResponse = MessageOf<typeof ListPodSandboxStatsResponse>;
