import type { HostFacts } from '../host/host-facts.ts';
import type { PodContext } from '../pod/pod-context.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { Outbox } from '../report/outbox.ts';
import { NodeEndpoints } from '../stats/node-endpoints.ts';
import { runnerVersion } from '../version.ts';
import type { Upkeep } from './create-upkeep.ts';
import { kubeletConfiguration } from './kubelet-configuration.ts';
import type { RunOptions } from './run-options.ts';

export interface NodeEndpointsParts {
  options: RunOptions;
  facts: Pick<HostFacts, 'cpuCount'>;
  context: PodContext;
  pods: PodManager;
  outbox: Outbox;
  upkeep: Upkeep;
}

/** Constructs what answers the provider's questions about this device. */
export function createNodeEndpoints(parts: NodeEndpointsParts): NodeEndpoints {
  const { options, facts, context, pods, outbox, upkeep } = parts;
  const { usage, meter, eviction } = upkeep;
  return new NodeEndpoints({
    ...{ nodeName: context.node.nodeName, version: runnerVersion, usage, meter },
    pods: () => pods.list(),
    unsent: () => ({ pods: outbox.unsentPodCount, events: outbox.unsentEvents.length }),
    evictions: () => eviction.counts,
    terminations: () => context.terminations.all,
    cpuCount: facts.cpuCount,
    cgroupOf: ({ pod }) => context.cgroups.parentOf(pod) ?? '',
    containerdMetricsAddress: options.containerdMetrics,
    configuration: kubeletConfiguration(options),
  });
}
