import { readdir } from 'node:fs/promises';
import type { TerminationCount } from '../pod/termination-counts.ts';
import type { Metric, Sample } from './metrics-text.ts';
import type { KnownPod } from './usage.ts';

export interface RunnerMetricsInput {
  readonly nodeName: string;
  readonly version: string;
  readonly pods: readonly KnownPod[];
  /** Reports and events that the provider has not acknowledged. */
  readonly unsent: { readonly pods: number; readonly events: number };
  /** Evictions since the runner's start, by the signal that asked for them. */
  readonly evictions: ReadonlyMap<string, number>;
  readonly terminations: readonly TerminationCount[];
}

/** What the runner tells of itself: a kubelet's names where a kubelet has such a metric. */
export async function runnerMetrics(input: RunnerMetricsInput): Promise<Metric[]> {
  const { pods, unsent, nodeName, version } = input;
  const running = pods.filter(({ observed }) => observed.sandboxes.some(({ ready }) => ready));
  return [
    gauge('kubelet_node_name', "The node's name. The count is always 1.", [
      { labels: { node: nodeName }, value: 1 },
    ]),
    gauge('kubelet_running_pods', 'Number of pods that have a running pod sandbox', [
      { value: running.length },
    ]),
    gauge('kubelet_running_containers', 'Number of containers by state', countStates(pods)),
    gauge('kubelet_desired_pods', 'Number of pods that this node is to run', [
      { value: pods.length },
    ]),
    counter(
      'kubelet_evictions',
      'Cumulative number of pod evictions by eviction signal',
      Array.from(input.evictions, ([signal, value]) => ({
        labels: { eviction_signal: signal },
        value,
      })),
    ),
    counter(
      'kubelet_terminated_containers_total',
      '[ALPHA] Cumulative number of container terminations.',
      input.terminations.map(({ type, exitCode, reason, count }) => ({
        labels: { container_type: type, exit_code: String(exitCode), reason },
        value: count,
      })),
    ),
    gauge('towline_runner_info', 'Version of the runner. The value is always 1.', [
      { labels: { version, runtime: runtimeName() }, value: 1 },
    ]),
    gauge('towline_runner_unsent_pod_reports', 'Pod reports that the provider does not have yet', [
      { value: unsent.pods },
    ]),
    gauge('towline_runner_unsent_events', 'Events that the provider does not have yet', [
      { value: unsent.events },
    ]),
    ...(await processMetrics()),
  ];
}

function countStates(pods: readonly KnownPod[]): Sample[] {
  const counts = new Map<string, number>();
  for (const { observed } of pods) {
    for (const { state } of observed.containers) counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return Array.from(counts, ([state, value]) => ({ labels: { container_state: state }, value }));
}

/** The names of Prometheus' own client libraries. */
async function processMetrics(): Promise<Metric[]> {
  const memory = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const startedAtMs = Date.now() - process.uptime() * 1000;
  return [
    counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', [
      { value: (user + system) / 1e6 },
    ]),
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', [
      { value: memory.rss },
    ]),
    gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', [
      { value: startedAtMs / 1000 },
    ]),
    gauge('process_open_fds', 'Number of open file descriptors.', [
      { value: (await readdir('/proc/self/fd')).length },
    ]),
    gauge('towline_runner_heap_used_bytes', "Memory in use in the JavaScript engine's heap.", [
      { value: memory.heapUsed },
    ]),
  ];
}

function runtimeName(): string {
  const { bun } = process.versions;
  return bun === undefined ? `node ${process.versions.node}` : `bun ${bun}`;
}

function gauge(name: string, help: string, samples: Sample[]): Metric {
  return { name, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: Sample[]): Metric {
  return { name, help, type: 'counter', samples };
}
