import type { Node, Pod } from '../../kube/api.ts';
import { isMirrorPod } from '../../kube/mirror-pod.ts';
import { tolerates } from '../../kube/tolerations.ts';
import type { Refusal } from './refusal.ts';

/** What these say of the link or the device is over by the time that the site takes a pod. */
const passing: ReadonlySet<string> = new Set([
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
]);

/**
 * Why a pod that nobody has begun isn't begun on a Node with these taints; a kubelet minds NoExecute
 * alone. Whoever made it knew better than the scheduler, or it was scheduled before. A static pod's
 * mirror is never refused. A pod that was refused once has failed, and stays away.
 * Source: kubelet, pkg/kubelet/lifecycle/predicate.go.
 */
export function taintRefusal(pod: Pod, node: Node | undefined): Refusal | undefined {
  const { phase = 'Pending', reason, startTime } = pod.status ?? {};
  if (phase === 'Failed' && reason === refusal.reason) return refusal;
  if (phase !== 'Pending' || startTime !== undefined || isMirrorPod(pod)) return undefined;
  const { tolerations = [] } = pod.spec;
  const isTolerated = (node?.spec?.taints ?? [])
    .filter(({ key, effect }) => effect === 'NoExecute' && !passing.has(key))
    .every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)));
  return isTolerated ? undefined : refusal;
}

const event = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";

const refusal: Refusal = {
  ...{ reason: 'TaintToleration', event },
  message: `Pod was rejected: ${event}`,
};
