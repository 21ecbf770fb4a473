import type { Condition, Pod, PodStatus } from '../../kube/api.ts';
import { couldRestartAll } from '../../kube/restart-policy.ts';
import type { ObservedPod } from './observed.ts';
import { restartTrigger } from './plan-restart-all.ts';

/**
 * Whether all containers of a pod are just being restarted; nothing for pods that have no rule for it.
 * Source: kubelet, GenerateAllContainersRestartingCondition.
 */
export function restartConditions(input: {
  pod: Pod;
  observed: ObservedPod;
  phase: PodStatus['phase'];
  previous: readonly Condition[];
  now: string;
}): Condition[] {
  const { pod, observed, phase, previous, now } = input;
  if (!couldRestartAll(pod.spec)) return [];
  const type = 'AllContainersRestarting';
  const before = previous.find((condition) => condition.type === type);
  const said = isOver(phase) ?? running(restartTrigger(pod, observed) !== undefined);
  const same = before?.status === said.status;
  const lastTransitionTime = same ? (before.lastTransitionTime ?? now) : now;
  return [{ type, ...said, lastProbeTime: null, lastTransitionTime }];
}

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

function isOver(phase: PodStatus['phase']): Said | undefined {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  return phase === 'Failed' ? { status: 'False', reason: 'PodFailed' } : undefined;
}

function running(restarts: boolean): Said {
  if (!restarts) return { status: 'False' };
  const message = 'container exited with restart policy rule';
  return { status: 'True', reason: 'RestartAllContainersStarted', message };
}
