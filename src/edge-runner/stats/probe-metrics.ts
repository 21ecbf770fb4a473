import type { Pod } from '../../kube/api.ts';
import type { ProbeCount } from '../probes/probe-counts.ts';
import { durationBounds } from '../probes/probe-durations.ts';
import type { Metric, Sample } from './metrics-text.ts';

const types = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;
const results = { success: 'successful', failure: 'failed' } as const;

/** A kubelet's `/metrics/probes`. */
export function probeMetrics(
  pods: readonly { pod: Pod; probeCounts: readonly ProbeCount[] }[],
): Metric[] {
  const all = pods.flatMap(({ pod, probeCounts }) => probeCounts.map((each) => ({ pod, each })));
  return [
    {
      name: 'prober_probe_duration_seconds',
      help: '[ALPHA] Duration in seconds for a probe response.',
      type: 'histogram',
      samples: all.flatMap(({ pod, each }) => durations(pod, each)),
    },
    {
      name: 'prober_probe_total',
      help: '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.',
      type: 'counter',
      samples: all.map(({ pod, each }) => ({
        labels: {
          ...{ ...labelsOf(pod, each), pod_uid: pod.metadata.uid ?? '' },
          result: results[each.result],
        },
        value: each.count,
      })),
    },
  ];
}

function durations(pod: Pod, count: ProbeCount): Sample[] {
  if (count.durations === undefined) return [];
  const { atMost, count: all, sumSeconds } = count.durations;
  const labels = labelsOf(pod, count);
  const buckets = durationBounds.map((bound, index) => ({
    ...{ suffix: '_bucket', labels, atMost: `${bound}`, value: atMost[index] ?? 0 },
  }));
  return [
    ...buckets,
    { suffix: '_bucket', labels, atMost: '+Inf', value: all },
    { suffix: '_sum', labels, value: sumSeconds },
    { suffix: '_count', labels, value: all },
  ];
}

function labelsOf({ metadata }: Pod, { kind, container }: ProbeCount): Record<string, string> {
  const { namespace = '', name } = metadata;
  return { container, namespace, pod: name, probe_type: types[kind] };
}
