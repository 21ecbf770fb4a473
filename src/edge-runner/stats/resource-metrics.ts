import type { Metric, Sample } from './metrics-text.ts';
import type { ContainerUsage, PodUsage, Usage } from './usage.ts';

/**
 * A kubelet's `/metrics/resource`, which metrics-server asks for.
 * Source: kubelet, pkg/kubelet/metrics/collectors/resource_metrics.go.
 */
export function resourceMetrics({ node, pods, failures }: Usage): Metric[] {
  const ofNode = (value: number): Sample[] => [{ value, atMs: node.atMs }];
  return [
    {
      name: 'node_cpu_usage_seconds_total',
      help: '[STABLE] Cumulative cpu time consumed by the node in core-seconds',
      type: 'counter',
      samples: ofNode(seconds(node.cpuNanoseconds)),
    },
    {
      name: 'node_memory_working_set_bytes',
      help: '[STABLE] Current working set of the node in bytes',
      type: 'gauge',
      samples: ofNode(node.memory.workingSetBytes),
    },
    {
      name: 'node_swap_usage_bytes',
      help: '[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems',
      type: 'gauge',
      samples: ofNode(node.memory.swapUsedBytes),
    },
    ...containerMetrics(pods),
    ...podMetrics(pods),
    {
      name: 'resource_scrape_error',
      help: '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise',
      type: 'gauge',
      samples: [{ value: failures > 0 ? 1 : 0 }],
    },
  ];
}

function containerMetrics(pods: readonly PodUsage[]): Metric[] {
  const all = pods.flatMap((pod) =>
    pod.containers.map((usage) => ({ labels: containerLabels(pod, usage), usage })),
  );
  return [
    {
      name: 'container_cpu_usage_seconds_total',
      help: '[STABLE] Cumulative cpu time consumed by the container in core-seconds',
      type: 'counter',
      samples: all.flatMap(({ labels, usage }) => cpu(labels, usage)),
    },
    {
      name: 'container_memory_working_set_bytes',
      help: '[STABLE] Current working set of the container in bytes',
      type: 'gauge',
      samples: all.flatMap(({ labels, usage }) => memory(labels, usage)),
    },
    {
      name: 'container_swap_usage_bytes',
      help: '[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems',
      type: 'gauge',
      samples: all.flatMap(({ labels, usage }) => swap(labels, usage, 'usedBytes')),
    },
    {
      name: 'container_swap_limit_bytes',
      help: '[ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems',
      type: 'gauge',
      samples: all.flatMap(({ labels, usage }) => swap(labels, usage, 'limitBytes')),
    },
    {
      name: 'container_start_time_seconds',
      help: '[STABLE] Start time of the container since unix epoch in seconds',
      type: 'gauge',
      samples: all.map(({ labels, usage }) => ({ labels, value: usage.startedAtMs / 1000 })),
    },
  ];
}

function podMetrics(pods: readonly PodUsage[]): Metric[] {
  return [
    {
      name: 'pod_cpu_usage_seconds_total',
      help: '[STABLE] Cumulative cpu time consumed by the pod in core-seconds',
      type: 'counter',
      samples: pods.flatMap((pod) => cpu(podLabels(pod), pod)),
    },
    {
      name: 'pod_memory_working_set_bytes',
      help: '[STABLE] Current working set of the pod in bytes',
      type: 'gauge',
      samples: pods.flatMap((pod) => memory(podLabels(pod), pod)),
    },
    {
      name: 'pod_swap_usage_bytes',
      help: '[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems',
      type: 'gauge',
      samples: pods.flatMap((pod) => swap(podLabels(pod), pod, 'usedBytes')),
    },
  ];
}

function podLabels({ pod: { metadata } }: PodUsage): Record<string, string> {
  return { namespace: metadata.namespace ?? '', pod: metadata.name };
}

function containerLabels(pod: PodUsage, { container }: ContainerUsage): Record<string, string> {
  return { container: container.name, ...podLabels(pod) };
}

function cpu(labels: Record<string, string>, usage: PodUsage | ContainerUsage): Sample[] {
  if (usage.cpu === undefined) return [];
  return [{ labels, value: seconds(usage.cpu.nanoseconds), atMs: usage.cpu.atMs }];
}

function memory(labels: Record<string, string>, usage: PodUsage | ContainerUsage): Sample[] {
  if (usage.memory === undefined) return [];
  return [{ labels, value: usage.memory.workingSetBytes, atMs: usage.memory.atMs }];
}

function swap(
  labels: Record<string, string>,
  { swap }: PodUsage | ContainerUsage,
  figure: 'usedBytes' | 'limitBytes',
): Sample[] {
  const value = swap?.[figure];
  return value === undefined ? [] : [{ labels, value, atMs: swap?.atMs ?? 0 }];
}

function seconds(nanoseconds: number): number {
  return nanoseconds / 1e9;
}
