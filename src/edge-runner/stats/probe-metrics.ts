import type { Pod } from '../../kube/api.ts';
import type { ProbeCount } from '../probes/probe-counts.ts';
import type { Metric } from './metrics-text.ts';

const types = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;
const results = { success: 'successful', failure: 'failed', error: 'unknown' } as const;

/** A kubelet's `/metrics/probes`. */
export function probeMetrics(
  pods: readonly { pod: Pod; probeCounts: readonly ProbeCount[] }[],
): Metric[] {
  return [
    {
      name: 'prober_probe_total',
      help: '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.',
      type: 'counter',
      samples: pods.flatMap(({ pod: { metadata }, probeCounts }) =>
        probeCounts.map(({ kind, container, result, count }) => ({
          labels: {
            ...{ container, namespace: metadata.namespace ?? '', pod: metadata.name },
            ...{ pod_uid: metadata.uid ?? '', probe_type: types[kind], result: results[result] },
          },
          value: count,
        })),
      ),
    },
  ];
}
