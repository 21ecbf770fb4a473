import type { InterfaceCounters } from '../host/network-counters.ts';
import type { Metric, Sample } from './metrics-text.ts';
import type { ContainerUsage, NodeUsage, PodUsage, ResourceUsage, Usage } from './usage.ts';

type Labels = Record<string, string>;

/** What can be said of a container and of a pod as a whole alike. */
interface Measured {
  labels: Labels;
  usage: ResourceUsage & { startedAtMs: number };
}

/**
 * A kubelet's `/metrics/cadvisor` as far as a runtime's CRI stats go. The series of a pod as a whole
 * have an empty `container`, those of the machine the id `/`, as cAdvisor's.
 */
export function cadvisorMetrics(
  { node, pods, failures }: Usage,
  machine: { cpuCount: number; cgroupOf: (pod: PodUsage) => string },
): Metric[] {
  const measured: Measured[] = pods.flatMap((pod) => [
    { labels: podLabels(pod, machine.cgroupOf(pod)), usage: pod },
    ...pod.containers.map((usage) => ({
      labels: containerLabels(pod, usage, machine.cgroupOf(pod)),
      usage,
    })),
  ]);
  return [
    ...usageMetrics(node, measured),
    ...filesystemMetrics(pods, machine.cgroupOf),
    ...networkMetrics(node, pods, machine.cgroupOf),
    gauge(
      'container_processes',
      'Number of processes running inside the container.',
      pods.flatMap((pod): Sample[] =>
        pod.processes === undefined
          ? []
          : [{ labels: podLabels(pod, machine.cgroupOf(pod)), value: pod.processes }],
      ),
    ),
    gauge('machine_cpu_cores', 'Number of logical CPU cores.', [{ value: machine.cpuCount }]),
    gauge('machine_memory_bytes', 'Amount of memory installed on the machine.', [
      { value: node.memory.totalBytes },
    ]),
    gauge('container_scrape_error', '1 if there was an error while getting container metrics', [
      { value: failures > 0 ? 1 : 0 },
    ]),
  ];
}

function usageMetrics(node: NodeUsage, measured: readonly Measured[]): Metric[] {
  const { atMs, memory } = node;
  const ofMemory = (field: keyof NonNullable<ResourceUsage['memory']>, root?: number): Sample[] => [
    ...(root === undefined ? [] : [{ labels: machineLabels, value: root, atMs }]),
    ...measured.flatMap(({ labels, usage }): Sample[] =>
      usage.memory === undefined
        ? []
        : [{ labels, value: usage.memory[field], atMs: usage.memory.atMs }],
    ),
  ];
  return [
    counter('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', [
      { labels: { ...machineLabels, cpu: 'total' }, value: node.cpuNanoseconds / 1e9, atMs },
      ...measured.flatMap(({ labels, usage: { cpu } }): Sample[] =>
        cpu === undefined
          ? []
          : [{ labels: { ...labels, cpu: 'total' }, value: cpu.nanoseconds / 1e9, atMs: cpu.atMs }],
      ),
    ]),
    gauge(
      'container_memory_working_set_bytes',
      'Current working set in bytes.',
      ofMemory('workingSetBytes', memory.workingSetBytes),
    ),
    gauge(
      'container_memory_usage_bytes',
      'Current memory usage in bytes, including all memory regardless of when it was accessed',
      ofMemory('usageBytes', memory.usedBytes),
    ),
    gauge('container_memory_rss', 'Size of RSS in bytes.', ofMemory('rssBytes')),
    counter('container_memory_failures_total', 'Cumulative count of memory allocation failures.', [
      ...ofMemory('pageFaults').map((sample) => failure(sample, 'pgfault')),
      ...ofMemory('majorPageFaults').map((sample) => failure(sample, 'pgmajfault')),
    ]),
    gauge(
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds.',
      measured.map(({ labels, usage }) => ({ labels, value: usage.startedAtMs / 1000 })),
    ),
  ];
}

function filesystemMetrics(
  pods: readonly PodUsage[],
  cgroupOf: (pod: PodUsage) => string,
): Metric[] {
  const all = pods.flatMap((pod) =>
    pod.containers.map((usage) => ({
      labels: { ...containerLabels(pod, usage, cgroupOf(pod)), device: '' },
      usage,
    })),
  );
  return [
    gauge(
      'container_fs_usage_bytes',
      'Number of bytes that are consumed by the container on this filesystem.',
      all.map(({ labels, usage }) => ({ labels, value: usage.rootFsBytes })),
    ),
  ];
}

const networkFields = [
  ['receive_bytes_total', 'Cumulative count of bytes received', 'rxBytes'],
  ['receive_errors_total', 'Cumulative count of errors encountered while receiving', 'rxErrors'],
  ['transmit_bytes_total', 'Cumulative count of bytes transmitted', 'txBytes'],
  [
    'transmit_errors_total',
    'Cumulative count of errors encountered while transmitting',
    'txErrors',
  ],
] as const;

function networkMetrics(
  node: NodeUsage,
  pods: readonly PodUsage[],
  cgroupOf: (pod: PodUsage) => string,
): Metric[] {
  const all: { labels: Labels; counters: InterfaceCounters }[] = [
    ...node.network.map((counters) => ({ labels: machineLabels, counters })),
    ...pods.flatMap((pod) =>
      pod.network.map((counters) => ({ labels: podLabels(pod, cgroupOf(pod)), counters })),
    ),
  ];
  return networkFields.map(([name, help, field]) =>
    counter(
      `container_network_${name}`,
      help,
      all.map(({ labels, counters }) => ({
        labels: { ...labels, interface: counters.name },
        value: counters[field],
      })),
    ),
  );
}

const machineLabels: Labels = {
  ...{ id: '/', container: '', image: '', name: '', namespace: '', pod: '' },
};

function podLabels({ pod: { metadata } }: PodUsage, cgroup: string): Labels {
  const { namespace = '', name } = metadata;
  return { id: cgroup, container: '', image: '', name: '', namespace, pod: name };
}

function containerLabels(pod: PodUsage, { container }: ContainerUsage, cgroup: string): Labels {
  const { id, image, name } = container;
  return { ...podLabels(pod, cgroup), id: `${cgroup}/${id}`, container: name, image, name: id };
}

function failure(sample: Sample, type: string): Sample {
  return { ...sample, labels: { ...sample.labels, failure_type: type, scope: 'container' } };
}

function gauge(name: string, help: string, samples: Sample[]): Metric {
  return { name, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: Sample[]): Metric {
  return { name, help, type: 'counter', samples };
}
