import { formatBytes } from '../../kube/quantity.ts';
import type { HostFacts } from './host-facts.ts';
import type { FilesystemUsage } from './pressure.ts';

/** The kubelet's `--max-pods`. */
const defaultMaxPods = 110;

/**
 * A node's `status.capacity`, written as a kubelet writes it. `disk` is the filesystem that holds
 * pod volumes and logs.
 */
export function nodeCapacity(
  facts: Pick<HostFacts, 'cpuCount' | 'memoryBytes' | 'hugePages'>,
  disk: Pick<FilesystemUsage, 'capacityBytes'>,
  maxPods: number = defaultMaxPods,
): Record<string, string> {
  const hugePages = facts.hugePages.map(({ pageSizeBytes, totalBytes }) => [
    `hugepages-${formatBytes(pageSizeBytes)}`,
    formatBytes(totalBytes),
  ]);
  return {
    cpu: String(facts.cpuCount),
    'ephemeral-storage': formatBytes(disk.capacityBytes),
    ...(Object.fromEntries(hugePages) as Record<string, string>),
    memory: formatBytes(facts.memoryBytes),
    pods: String(maxPods),
  };
}
