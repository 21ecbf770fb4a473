import type { Pod, PodSpec } from '../../kube/api.ts';
import { podLimit } from '../../kube/pod-totals.ts';
import { formatBytesLike, quantityToBytes } from '../../kube/quantity.ts';

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
    podLimit(spec, resource) > 0n
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
  const totalLimitBytes = Number(podLimit(spec, resource) / nanosPerByte);
  if (totalLimitBytes > 0 && used.totalBytes > totalLimitBytes) {
    const total = formatBytesLike(totalLimitBytes, formOf(spec, totalLimitBytes));
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${total}. `;
  }
  const limits = spec.containers.flatMap(({ name, resources }): [string, string][] => {
    const limit = resources?.limits?.[resource] ?? '0';
    return quantityToBytes(limit) === 0 ? [] : [[name, limit]];
  });
  for (const [name, limit] of limits) {
    if ((used.containers.get(name) ?? 0) > quantityToBytes(limit)) {
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
    }
  }
  return undefined;
}

const nanosPerByte = 1_000_000_000n;

/** The total is written like the limit that it is, else, as a sum, like the first of its parts. */
function formOf({ containers, initContainers = [] }: PodSpec, totalBytes: number): string {
  const limits = [...containers, ...initContainers]
    .map(({ resources }) => resources?.limits?.[resource])
    .filter((limit) => limit !== undefined);
  return limits.find((limit) => quantityToBytes(limit) === totalBytes) ?? limits[0] ?? '';
}
