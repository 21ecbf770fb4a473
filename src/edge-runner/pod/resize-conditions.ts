import type { Condition, ContainerStateWaiting, Pod } from '../../kube/api.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import { resizeOf } from '../../kube/resize.ts';
import { newestContainer, type ObservedPod } from './observed.ts';
import { containersOf } from './pod-containers.ts';
import { resizeKey } from './pod-plan.ts';

/** The condition of a pod whose resize waits for room, or can never be. */
export const resizePendingType = 'PodResizePending';

/**
 * What a pod's status says of a resize that waits for room or isn't carried out yet; nothing when
 * there is none.
 * Source: Kubernetes, "Resize CPU and Memory Resources assigned to Containers", pod resize status.
 */
export function resizeConditions(input: {
  pod: Pod;
  observed: ObservedPod;
  problems: ReadonlyMap<string, ContainerStateWaiting>;
  pending: Misfit | undefined;
  previous: readonly Condition[];
  now: string;
}): Condition[] {
  const { pending, previous, now } = input;
  const found: Condition[] = [];
  if (pending !== undefined) found.push({ type: resizePendingType, status: 'True', ...pending });
  const underWay = resizing(input);
  if (underWay !== undefined) found.push(underWay);
  return found.map((condition) => {
    const before = previous.find(({ type }) => type === condition.type);
    const lastTransitionTime = before?.lastTransitionTime ?? now;
    return { ...condition, lastProbeTime: null, lastTransitionTime };
  });
}

function resizing({
  pod,
  observed,
  problems,
}: {
  pod: Pod;
  observed: ObservedPod;
  problems: ReadonlyMap<string, ContainerStateWaiting>;
}): Condition | undefined {
  const changing = containersOf(pod).filter((container) => {
    const newest = newestContainer(observed, container.name);
    if (newest?.state !== 'running' || newest.resources === undefined) return false;
    return resizeOf(container, pod.spec, newest.resources) !== 'none';
  });
  if (changing.length === 0) return undefined;
  const type = 'PodResizeInProgress';
  for (const { name } of changing) {
    const problem = problems.get(resizeKey(name));
    if (problem === undefined) continue;
    return { type, status: 'True', reason: 'Error', message: problem.message ?? '' };
  }
  return { type, status: 'True' };
}
