import type { StatsHead } from '../../protocol/stream-head.ts';
import type { ProbeCount } from '../probes/probe-counts.ts';
import { cadvisorMetrics } from './cadvisor-metrics.ts';
import { containerdMetrics } from './containerd-metrics.ts';
import { CpuRates } from './cpu-rates.ts';
import { volumeUsageTimeoutMs } from './limits.ts';
import { renderMetrics } from './metrics-text.ts';
import { probeMetrics } from './probe-metrics.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { runnerMetrics, type RunnerMetricsInput } from './runner-metrics.ts';
import { runningPods } from './running-pods.ts';
import { statsSummary, type PodDisk } from './summary.ts';
import type { KnownPod, PodUsage, Usage } from './usage.ts';
import type { UsageCollector } from './usage-collector.ts';
import type { DiskMeter } from './volume-usage.ts';

export interface NodeEndpointsOptions {
  nodeName: string;
  version: string;
  usage: Pick<UsageCollector, 'collect'>;
  meter: DiskMeter;
  pods: () => readonly (KnownPod & { probeCounts: readonly ProbeCount[] })[];
  unsent: () => RunnerMetricsInput['unsent'];
  evictions: () => RunnerMetricsInput['evictions'];
  terminations: () => RunnerMetricsInput['terminations'];
  cpuCount: number;
  cgroupOf: (usage: PodUsage) => string;
  /** Where containerd serves its own metrics, if anywhere: `127.0.0.1:1338`. */
  containerdMetricsAddress: string | undefined;
  /** What `/configz` shows. */
  configuration: object;
}

/** What a kubelet's read-only endpoints say of this device, made when somebody asks. */
export class NodeEndpoints {
  readonly #options: NodeEndpointsOptions;
  readonly #rates = new CpuRates();

  constructor(options: NodeEndpointsOptions) {
    this.#options = options;
  }

  /** The body of the answer: JSON or Prometheus' text. @throws HostError */
  async read({ path, onlyCpuAndMemory }: Omit<StatsHead, 'type'>): Promise<string> {
    const { usage, pods, cpuCount, cgroupOf, configuration } = this.#options;
    switch (path) {
      case '/healthz':
        return 'ok';
      case '/configz':
        return JSON.stringify({ kubeletconfig: configuration });
      case '/runningpods':
        return JSON.stringify(runningPods(pods()));
      case '/metrics':
        return this.#runnerMetrics();
      case '/metrics/probes':
        return renderMetrics(probeMetrics(pods()));
      case '/metrics/resource':
        return renderMetrics(resourceMetrics(await usage.collect()));
      case '/metrics/cadvisor':
        return renderMetrics(cadvisorMetrics(await usage.collect(), { cpuCount, cgroupOf }));
      case '/stats/summary':
        return JSON.stringify(await this.#summary(onlyCpuAndMemory), undefined, 1);
    }
  }

  async #runnerMetrics(): Promise<string> {
    const { nodeName, version, pods, unsent, evictions, terminations } = this.#options;
    const own = await runnerMetrics({
      ...{ nodeName, version, pods: pods() },
      ...{ unsent: unsent(), evictions: evictions(), terminations: terminations() },
    });
    const containerd = await containerdMetrics(this.#options.containerdMetricsAddress);
    return renderMetrics(own) + containerd;
  }

  async #summary(onlyCpuAndMemory: boolean): Promise<object> {
    const { nodeName } = this.#options;
    const usage = await this.#options.usage.collect();
    const disks = onlyCpuAndMemory ? undefined : await this.#disks(usage);
    return statsSummary({ usage, nodeName, disks, rates: this.#rates });
  }

  /** A volume that takes too long to measure leaves out its pod, and the ones after it. */
  async #disks({ pods }: Usage): Promise<Map<string, PodDisk>> {
    const { meter } = this.#options;
    const signal = AbortSignal.timeout(volumeUsageTimeoutMs);
    const disks = new Map<string, PodDisk>();
    for (const { pod, containers } of pods) {
      try {
        const volumes = await meter.volumes(pod, signal);
        const logs = new Map<string, Awaited<ReturnType<DiskMeter['logs']>>>();
        for (const { container } of containers) {
          logs.set(container.name, await meter.logs(container.logPath, signal));
        }
        disks.set(pod.metadata.uid ?? '', { volumes, logs });
      } catch (error) {
        if (signal.aborted) break;
        throw error;
      }
    }
    return disks;
  }
}
