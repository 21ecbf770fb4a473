import {
  formatBytes,
  formatMilliCpu,
  quantityToBytes,
  quantityToMilliCpu,
} from '../../kube/quantity.ts';
import { limitOf, type Signal, type Threshold } from '../eviction/thresholds.ts';

/** What of the device is not for pods. */
export interface Reservation {
  /** `--system-reserved`: quantities of cpu, memory and ephemeral-storage. */
  readonly system: Readonly<Record<string, string>>;
  /** Below these pods are evicted, so that they can't count on it either. */
  readonly thresholds: readonly Threshold[];
}

/**
 * A node's `status.allocatable`: its capacity less what the system is to have, less the eviction
 * thresholds, and of memory less huge pages. @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubelet, pkg/kubelet/cm/node_container_manager_linux.go; nodestatus, MachineInfo.
 */
export function allocatableOf(
  capacity: Readonly<Record<string, string>>,
  { system, thresholds }: Reservation,
): Record<string, string> {
  const allocatable = { ...capacity };
  const hugePagesBytes = Object.entries(capacity)
    .filter(([resource]) => resource.startsWith('hugepages-'))
    .reduce((sum, [, quantity]) => sum + quantityToBytes(quantity), 0);
  const cpu = quantityToMilliCpu(capacity['cpu'] ?? '0') - quantityToMilliCpu(system['cpu'] ?? '0');
  allocatable['cpu'] = formatMilliCpu(Math.max(0, cpu));
  for (const [resource, signal] of Object.entries(signalOf)) {
    const allBytes = quantityToBytes(capacity[resource] ?? '0');
    const threshold = thresholds.find((each) => each.signal === signal);
    const restBytes =
      allBytes -
      quantityToBytes(system[resource] ?? '0') -
      (threshold === undefined ? 0 : limitOf(threshold, allBytes)) -
      (resource === 'memory' ? hugePagesBytes : 0);
    allocatable[resource] = formatBytes(Math.max(0, restBytes));
  }
  return allocatable;
}

const signalOf: Readonly<Record<string, Signal>> = {
  memory: 'memory.available',
  'ephemeral-storage': 'nodefs.available',
};
