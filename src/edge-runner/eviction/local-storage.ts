import type { Pod } from '../../kube/api.ts';
import { formatBytes, quantityToBytes } from '../../kube/quantity.ts';

/** What a pod has on the node's disks; bytes. */
export interface LocalStorage {
  /** By volume name; emptyDirs only. */
  readonly volumes: ReadonlyMap<string, number>;
  /** Writable layer and logs by container name. */
  readonly containers: ReadonlyMap<string, number>;
  /** All of the pod on disk; emptyDirs in memory are no part of it. */
  readonly totalBytes: number;
}

const resource = 'ephemeral-storage';

/** Whether a pod has a limit that must be watched. */
export function hasStorageLimit({ spec }: Pod): boolean {
  return (
    spec.volumes?.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) === true ||
    spec.containers.some(({ resources }) => resources?.limits?.[resource] !== undefined)
  );
}

/**
 * Which of its own limits a pod exceeds, as the message of its eviction; undefined when none.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubelet, pkg/kubelet/eviction/eviction_manager.go, localStorageEviction.
 */
export function exceededLimit({ spec }: Pod, used: LocalStorage): string | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limitBytes = quantityToBytes(emptyDir?.sizeLimit ?? '0');
    if (limitBytes > 0 && (used.volumes.get(name) ?? 0) > limitBytes) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir?.sizeLimit ?? ''}". `;
    }
  }
  const limits = new Map<string, string>();
  for (const { name, resources } of spec.containers) {
    const limit = resources?.limits?.[resource];
    if (limit !== undefined) limits.set(name, limit);
  }
  const totalLimitBytes = Array.from(limits.values())
    .map(quantityToBytes)
    .reduce((sum, bytes) => sum + bytes, 0);
  if (limits.size > 0 && used.totalBytes > totalLimitBytes) {
    const total = formatBytes(totalLimitBytes);
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${total}. `;
  }
  for (const [name, limit] of limits) {
    if ((used.containers.get(name) ?? 0) > quantityToBytes(limit)) {
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
    }
  }
  return undefined;
}
