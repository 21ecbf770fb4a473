import type { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import { nanosToMs } from '../cri/nanoseconds.ts';
import type { ContainerStats, CpuUsage, MemoryUsage, SwapUsage } from '../cri/stats-messages.ts';
import type { PodSandboxStats } from '../cri/stats-messages.ts';
import type { HostRoot } from '../host/host-files.ts';
import { requireText, readText } from '../host/host-files.ts';
import { parseMeminfo } from '../host/meminfo.ts';
import { parseNetworkCounters, type InterfaceCounters } from '../host/network-counters.ts';
import { parseMemoryUsage, readFilesystemUsage, readPidUsage } from '../host/pressure.ts';
import { parseProcStat } from '../host/proc-stat.ts';
import { newestSandbox, type ObservedSandbox } from '../pod/observed.ts';
import { maxStatsCalls, podStatsTimeoutMs } from './limits.ts';
import type {
  ContainerUsage,
  KnownPod,
  NodeUsage,
  PodUsage,
  ResourceUsage,
  Usage,
} from './usage.ts';

export interface UsageCollectorOptions {
  cri: Pick<CriClient, 'podSandboxStats' | 'imageFsInfo'>;
  pods: () => readonly KnownPod[];
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

  /** These pods, as far as they run; `failures` counts those about which the runtime can't say. */
  async measure(known: readonly KnownPod[]): Promise<Pick<Usage, 'pods' | 'failures'>> {
    const waiting = [...known];
    const pods: PodUsage[] = [];
    let failures = 0;
    const work = async (): Promise<void> => {
      for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) {
        const sandbox = newestSandbox(pod.observed);
        if (sandbox?.ready !== true) continue;
        const stats = await this.#ask(sandbox);
        if (stats === undefined) failures += 1;
        else pods.push(podUsage(pod, sandbox, stats));
      }
    };
    await Promise.all(Array.from({ length: maxStatsCalls }, work));
    return { pods, failures };
  }

  /** One by one: a list fails as a whole in containerd 1.6 when one sandbox is just ending. */
  async #ask({ id }: ObservedSandbox): Promise<PodSandboxStats | undefined> {
    try {
      const options = { timeoutMs: podStatsTimeoutMs };
      return (await this.#options.cri.podSandboxStats({ podSandboxId: id }, options)).stats;
    } catch (error) {
      if (error instanceof CriError) return undefined;
      throw error;
    }
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

function podUsage(known: KnownPod, sandbox: ObservedSandbox, stats: PodSandboxStats): PodUsage {
  const { linux } = stats;
  const running = known.observed.containers.filter(({ state }) => state === 'running');
  const interfaces = linux?.network?.interfaces ?? [];
  const first = linux?.network?.defaultInterface;
  return {
    pod: known.pod,
    sandboxId: sandbox.id,
    startedAtMs: sandbox.createdAtMs,
    ...resourceUsage(linux ?? {}),
    network: [...(first === undefined ? [] : [first]), ...interfaces].map(counters),
    processes: linux?.process?.processCount?.value,
    containers: (linux?.containers ?? []).flatMap((each): ContainerUsage[] => {
      const container = running.find(({ id }) => id === each.attributes?.id);
      if (container === undefined) return [];
      const startedAtMs = Date.parse(container.startedAt ?? '') || container.createdAtMs;
      return [{ container, startedAtMs, ...resourceUsage(each), ...rootFs(each) }];
    }),
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
    swapBytes: swap?.swapUsageBytes?.value,
  };
}

function rootFs({ writableLayer }: ContainerStats): { rootFsBytes: number; rootFsInodes: number } {
  return {
    rootFsBytes: writableLayer?.usedBytes?.value ?? 0,
    rootFsInodes: writableLayer?.inodesUsed?.value ?? 0,
  };
}

function counters(usage: {
  name: string;
  rxBytes?: { value: number } | undefined;
  rxErrors?: { value: number } | undefined;
  txBytes?: { value: number } | undefined;
  txErrors?: { value: number } | undefined;
}): InterfaceCounters {
  return {
    name: usage.name,
    rxBytes: usage.rxBytes?.value ?? 0,
    rxErrors: usage.rxErrors?.value ?? 0,
    txBytes: usage.txBytes?.value ?? 0,
    txErrors: usage.txErrors?.value ?? 0,
  };
}
