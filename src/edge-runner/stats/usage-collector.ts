import type { Pod } from '../../kube/api.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import { nanosToMs } from '../cri/nanoseconds.ts';
import type { ContainerStats, CpuUsage, MemoryUsage, SwapUsage } from '../cri/stats-messages.ts';
import type { CgroupSwap, CgroupUsage } from '../host/cgroup-usage.ts';
import type { HostRoot } from '../host/host-files.ts';
import { requireText, readText } from '../host/host-files.ts';
import { parseMeminfo } from '../host/meminfo.ts';
import { parseNetworkCounters, type InterfaceCounters } from '../host/network-counters.ts';
import { parseMemoryUsage, readFilesystemUsage, readPidUsage } from '../host/pressure.ts';
import { parseProcStat } from '../host/proc-stat.ts';
import { newestSandbox, type ObservedContainer, type ObservedSandbox } from '../pod/observed.ts';
import { maxStatsCalls, podStatsTimeoutMs } from './limits.ts';
import { sumOf } from './sum-usage.ts';
import type {
  ContainerUsage,
  KnownPod,
  NodeUsage,
  PodUsage,
  ResourceUsage,
  SwapFigures,
  Usage,
} from './usage.ts';

export interface UsageCollectorOptions {
  cri: Pick<CriClient, 'containerStats' | 'imageFsInfo'>;
  pods: () => readonly KnownPod[];
  /** What a pod has used, by its cgroup; undefined when it has none that can be read. */
  podCgroup: (pod: Pod) => Promise<CgroupUsage | undefined>;
  /** What a container of a pod has on swap, where its cgroup says it. */
  containerSwap: (pod: Pod, containerId: string) => Promise<CgroupSwap | undefined>;
  /** Folder on the filesystem of pod volumes. */
  stateDir: string;
  nowMs: () => number;
  host?: HostRoot;
}

/** Measures the device and its pods when somebody asks, and not otherwise. */
export class UsageCollector {
  readonly #options: UsageCollectorOptions;
  #underWay: Promise<Usage> | undefined;

  constructor(options: UsageCollectorOptions) {
    this.#options = options;
  }

  /** Those who ask at the same time get the same answer. @throws HostError */
  collect(): Promise<Usage> {
    this.#underWay ??= this.#collect().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async node(): Promise<NodeUsage> {
    const { host = {}, nowMs, stateDir } = this.#options;
    const meminfo = await requireText(host, '/proc/meminfo');
    const values = parseMeminfo(meminfo);
    const memory = parseMemoryUsage(meminfo);
    const used = (total: string, free: string): number =>
      (values.get(total) ?? 0) - (values.get(free) ?? 0);
    return {
      atMs: nowMs(),
      ...parseProcStat(await requireText(host, '/proc/stat')),
      memory: {
        ...memory,
        usedBytes: used('MemTotal', 'MemFree'),
        swapUsedBytes: used('SwapTotal', 'SwapFree'),
        swapFreeBytes: values.get('SwapFree') ?? 0,
      },
      network: parseNetworkCounters((await readText(host, '/proc/net/dev')) ?? ''),
      pids: await readPidUsage(host),
      nodeFs: await readFilesystemUsage(stateDir),
      imageFs: await this.#imageFs(),
    };
  }

  async #collect(): Promise<Usage> {
    const node = await this.node();
    return { node, ...(await this.measure(this.#options.pods())) };
  }

  /** These pods, as far as they run; `failures` counts those of whose containers the runtime can't say all. */
  async measure(known: readonly KnownPod[]): Promise<Pick<Usage, 'pods' | 'failures'>> {
    const waiting = [...known];
    const pods: PodUsage[] = [];
    let failures = 0;
    const work = async (): Promise<void> => {
      for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) {
        const sandbox = newestSandbox(pod.observed);
        if (sandbox?.ready !== true) continue;
        const { usage, complete } = await this.#measurePod(pod, sandbox);
        if (!complete) failures += 1;
        pods.push(usage);
      }
    };
    await Promise.all(Array.from({ length: maxStatsCalls }, work));
    return { pods, failures };
  }

  /**
   * The pod as a whole by its cgroup and its network namespace, as a kubelet with cAdvisor does it, not by
   * CRI's PodSandboxStats: containerd before 1.6.22 writes a map while others read it when it is
   * asked that, which ends the whole process (containerd/containerd#8819).
   */
  async #measurePod(
    known: KnownPod,
    sandbox: ObservedSandbox,
  ): Promise<{ usage: PodUsage; complete: boolean }> {
    const { podCgroup, nowMs } = this.#options;
    const running = known.observed.containers.filter(
      ({ state, sandboxId }) => state === 'running' && sandboxId === sandbox.id,
    );
    const containers: ContainerUsage[] = [];
    for (const container of running) {
      const stats = await this.#ask(container);
      if (stats === undefined) continue;
      const usage = containerUsage(container, stats);
      containers.push({ ...usage, swap: usage.swap ?? (await this.#swap(known.pod, container)) });
    }
    const cgroup = await podCgroup(known.pod);
    const usage: PodUsage = {
      ...{ pod: known.pod, sandboxId: sandbox.id, startedAtMs: sandbox.createdAtMs, containers },
      ...(cgroup === undefined ? sumOf(containers) : cgroupUsage(cgroup, nowMs())),
      network: await this.#network(known.pod, cgroup),
      processes: cgroup?.pids.length,
    };
    return { usage, complete: containers.length === running.length };
  }

  /** Runtimes before containerd 2 don't say it. */
  async #swap(pod: Pod, { id }: ObservedContainer): Promise<SwapFigures | undefined> {
    const { containerSwap, nowMs } = this.#options;
    const swap = await containerSwap(pod, id);
    return swap && { atMs: nowMs(), ...swap };
  }

  async #ask({ id }: ObservedContainer): Promise<ContainerStats | undefined> {
    try {
      const options = { timeoutMs: podStatsTimeoutMs };
      return (await this.#options.cri.containerStats({ containerId: id }, options)).stats;
    } catch (error) {
      if (error instanceof CriError) return undefined;
      throw error;
    }
  }

  /** All processes of a pod are in one network namespace, which has its own counters unless it is the device's. */
  async #network(pod: Pod, cgroup: CgroupUsage | undefined): Promise<InterfaceCounters[]> {
    if (pod.spec.hostNetwork === true) return [];
    for (const pid of cgroup?.pids ?? []) {
      const text = await readText(this.#options.host ?? {}, `/proc/${pid}/net/dev`);
      if (text !== undefined) return parseNetworkCounters(text);
    }
    return [];
  }

  /** A runtime that can't say where it keeps images is taken to keep them beside the volumes. */
  async #imageFs(): Promise<NodeUsage['imageFs']> {
    const { cri, stateDir } = this.#options;
    const filesystem = await imageFilesystem(cri);
    return {
      ...(await readFilesystemUsage(filesystem?.path ?? stateDir)),
      imageBytes: filesystem?.usedBytes ?? 0,
    };
  }
}

/** Where the runtime keeps images, and what they take; undefined when it doesn't say. */
export async function imageFilesystem(
  cri: Pick<CriClient, 'imageFsInfo'>,
): Promise<{ path: string; usedBytes: number } | undefined> {
  try {
    const { imageFilesystems } = await cri.imageFsInfo({}, { timeoutMs: podStatsTimeoutMs });
    const [first] = imageFilesystems;
    const path = first?.fsId?.mountpoint;
    return path === undefined ? undefined : { path, usedBytes: first?.usedBytes?.value ?? 0 };
  } catch (error) {
    if (error instanceof CriError) return undefined;
    throw error;
  }
}

function containerUsage(container: ObservedContainer, stats: ContainerStats): ContainerUsage {
  const startedAtMs = Date.parse(container.startedAt ?? '') || container.createdAtMs;
  return { container, startedAtMs, ...resourceUsage(stats), ...rootFs(stats) };
}

function cgroupUsage(cgroup: CgroupUsage, atMs: number): ResourceUsage {
  const { cpuNanoseconds, memory, swap } = cgroup;
  return {
    cpu: cpuNanoseconds === undefined ? undefined : { atMs, nanoseconds: cpuNanoseconds },
    memory: memory === undefined ? undefined : { atMs, ...memory },
    swap: swap && { atMs, ...swap },
  };
}

function resourceUsage(stats: {
  cpu?: CpuUsage | undefined;
  memory?: MemoryUsage | undefined;
  swap?: SwapUsage | undefined;
}): ResourceUsage {
  const { cpu, memory, swap } = stats;
  return {
    cpu:
      cpu?.usageCoreNanoSeconds === undefined
        ? undefined
        : { atMs: nanosToMs(cpu.timestamp), nanoseconds: cpu.usageCoreNanoSeconds.value },
    memory:
      memory === undefined
        ? undefined
        : {
            atMs: nanosToMs(memory.timestamp),
            workingSetBytes: memory.workingSetBytes?.value ?? 0,
            usageBytes: memory.usageBytes?.value ?? 0,
            rssBytes: memory.rssBytes?.value ?? 0,
            pageFaults: memory.pageFaults?.value ?? 0,
            majorPageFaults: memory.majorPageFaults?.value ?? 0,
          },
    swap: swap && swapFigures(swap),
  };
}

function swapFigures(swap: SwapUsage): SwapFigures {
  const usedBytes = swap.swapUsageBytes?.value ?? 0;
  const left = swap.swapAvailableBytes?.value;
  const limitBytes = left === undefined ? undefined : left + usedBytes;
  return { atMs: nanosToMs(swap.timestamp), usedBytes, limitBytes };
}

function rootFs({ writableLayer }: ContainerStats): { rootFsBytes: number; rootFsInodes: number } {
  return {
    rootFsBytes: writableLayer?.usedBytes?.value ?? 0,
    rootFsInodes: writableLayer?.inodesUsed?.value ?? 0,
  };
}
