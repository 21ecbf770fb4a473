import type { Pod } from '../../kube/api.ts';
import { isCritical } from '../../kube/priority.ts';
import { formProblem } from './pod-form.ts';

/**
 * Order of pods that begin together: critical ones first, then those of higher priority, then, as in a
 * kubelet, those that were made first.
 */
export function byRank(a: Pod, b: Pod): number {
  return (
    compare(rankOf(b), rankOf(a)) ||
    (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '')
  );
}

/** Higher begins earlier; a pod that can't be read begins last. */
export function rankOf(pod: Pod): number {
  if (formProblem(pod) !== undefined) return -Infinity;
  return isCritical(pod) ? Infinity : (pod.spec.priority ?? 0);
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
