import type { Pod } from '../../kube/api.ts';
import type { InterfaceCounters } from '../host/network-counters.ts';
import type { FilesystemUsage, MemoryUsage, PidUsage } from '../host/pressure.ts';
import type { ObservedContainer, ObservedPod } from '../pod/observed.ts';

/** The device, its pods and their containers at one moment. Times in ms since 1970. */
export interface Usage {
  readonly node: NodeUsage;
  readonly pods: readonly PodUsage[];
  /** Pods about which the runtime could say nothing. */
  readonly failures: number;
}

export interface NodeUsage {
  readonly atMs: number;
  readonly bootedAtMs: number;
  readonly cpuNanoseconds: number;
  readonly memory: MemoryUsage & {
    readonly usedBytes: number;
    readonly swapUsedBytes: number;
    readonly swapFreeBytes: number;
  };
  readonly network: readonly InterfaceCounters[];
  readonly pids: PidUsage;
  /** Where pods' volumes and logs are. */
  readonly nodeFs: FilesystemUsage;
  /** Where the runtime keeps images and containers' own files. */
  readonly imageFs: FilesystemUsage & { readonly imageBytes: number };
}

export interface PodUsage extends ResourceUsage {
  readonly pod: Pod;
  readonly sandboxId: string;
  readonly startedAtMs: number;
  readonly network: readonly InterfaceCounters[];
  readonly processes: number | undefined;
  readonly containers: readonly ContainerUsage[];
}

export interface ContainerUsage extends ResourceUsage {
  readonly container: ObservedContainer;
  readonly startedAtMs: number;
  /** Of what the container wrote to its own file system. */
  readonly rootFsBytes: number;
  readonly rootFsInodes: number;
}

/** `undefined` where the runtime doesn't say. */
export interface ResourceUsage {
  readonly cpu: { readonly atMs: number; readonly nanoseconds: number } | undefined;
  readonly memory:
    | {
        readonly atMs: number;
        readonly workingSetBytes: number;
        readonly usageBytes: number;
        readonly rssBytes: number;
        readonly pageFaults: number;
        readonly majorPageFaults: number;
      }
    | undefined;
  readonly swap: SwapFigures | undefined;
}

/** `limitBytes`: how much may be used; undefined where there is no limit, or it isn't known. */
export interface SwapFigures {
  readonly atMs: number;
  readonly usedBytes: number;
  readonly limitBytes: number | undefined;
}

/** A pod as the pod engine knows it. */
export interface KnownPod {
  readonly pod: Pod;
  readonly observed: ObservedPod;
}
