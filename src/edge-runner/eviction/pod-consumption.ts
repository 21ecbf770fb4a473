import type { Pod } from '../../kube/api.ts';
import { quantityToBytes } from '../../kube/quantity.ts';

/** What a pod uses of what the node runs out of. */
export interface Consumption {
  readonly pod: Pod;
  /** 0 where it isn't known. */
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly inodes: number;
  readonly processes: number;
  readonly containers: readonly ContainerConsumption[];
}

export interface ContainerConsumption {
  readonly name: string;
  readonly memoryBytes: number;
  /** Writable layer and logs. */
  readonly diskBytes: number;
  readonly inodes: number;
}

/** What of a node's a pod is evicted for. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

/** What a pod uses of a resource. */
export function useOf(usage: Consumption, resource: StarvedResource): number {
  switch (resource) {
    case 'memory':
      return usage.memoryBytes;
    case 'ephemeral-storage':
      return usage.diskBytes;
    case 'inodes':
      return usage.inodes;
    case 'pids':
      return usage.processes;
  }
}

/** @throws KubeRuleError `INVALID_QUANTITY` */
export function containerRequest(
  { resources }: Pick<Pod['spec']['containers'][number], 'resources'>,
  resource: string,
): number {
  return quantityToBytes(resources?.requests?.[resource] ?? '0');
}
