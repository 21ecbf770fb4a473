import process from 'node:process';
import type { StrangerFigures } from '../strangers/drop-report.ts';
import type { Metric } from './metrics-text.ts';

/** What the provider's figures are taken from. */
export interface MetricSources {
  /** How many sites are connected. */
  connectedSites: () => number;
  /** By listener. */
  strangers: () => Readonly<Record<string, StrangerFigures>>;
}

/** The figures of this process, as they are now. */
export function providerMetrics({ connectedSites, strangers }: MetricSources): Metric[] {
  const { rss, heapUsed, external } = process.memoryUsage();
  const byListener = Object.entries(strangers());
  const of = (figure: keyof StrangerFigures): Metric['values'] => ({
    label: 'listener',
    of: Object.fromEntries(byListener.map(([name, figures]) => [name, figures[figure]])),
  });
  return [
    {
      ...{ name: 'towline_provider_connected_sites', type: 'gauge', values: connectedSites() },
      help: 'Sites that are connected to this process.',
    },
    {
      ...{ name: 'towline_provider_strangers', type: 'gauge', values: of('count') },
      help: "Connections whose client hasn't shown yet who it is.",
    },
    {
      ...{ name: 'towline_provider_strangers_dropped_total', type: 'counter' },
      values: of('dropped'),
      help: 'Such connections that were closed because there were too many.',
    },
    {
      ...{ name: 'process_resident_memory_bytes', type: 'gauge', values: rss },
      help: 'Resident memory size in bytes.',
    },
    {
      ...{ name: 'nodejs_heap_size_used_bytes', type: 'gauge', values: heapUsed },
      help: 'Process heap size used from Node.js in bytes.',
    },
    {
      ...{ name: 'nodejs_external_memory_bytes', type: 'gauge', values: external },
      help: 'Node.js external memory size in bytes.',
    },
  ];
}
