import { isDeepStrictEqual } from 'node:util';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../kube/api.ts';
import { allStatuses } from '../../kube/container-status.ts';
import { hasEnded } from './pod-status.ts';

/**
 * Whether a pod's new status says what a runner that starts anew could learn from nothing but the
 * status itself: that the pod is over, what the probes of a running container have said, or what it has
 * been given since it was made. A kubelet reads the former two from the API (pkg/kubelet/prober, since 1.35
 * for readiness), which a site can't ask.
 */
export function mustBeKept(pod: Pod, status: PodStatus, before: PodStatus | undefined): boolean {
  if (hasEnded(status)) return true;
  const known = new Map(allStatuses(before).map((each) => [each.containerID, each]));
  const now = new Map(allStatuses(status).map((each) => [each.name, each]));
  const { containers, initContainers = [] } = pod.spec;
  if (before !== undefined && !isDeepStrictEqual(status.resources, before.resources)) return true;
  return [...initContainers, ...containers].some((container) => {
    const found = now.get(container.name);
    if (found?.state.running === undefined) return false;
    const last = known.get(found.containerID);
    return verdictsDiffer(container, found, last) || wasResized(found, last);
  });
}

/** A container of which nothing was said yet counts as neither started nor ready, as after a restart. */
function verdictsDiffer(
  { startupProbe, readinessProbe }: Container,
  now: ContainerStatus,
  before: ContainerStatus | undefined,
): boolean {
  const started = startupProbe !== undefined && isStarted(now) !== isStarted(before);
  const ready = readinessProbe !== undefined && now.ready !== (before?.ready ?? false);
  return started || ready;
}

/** What a container was made with the runtime knows. */
function wasResized(now: ContainerStatus, before: ContainerStatus | undefined): boolean {
  return before !== undefined && !isDeepStrictEqual(now.resources, before.resources);
}

function isStarted(status: ContainerStatus | undefined): boolean {
  return status?.started === true;
}
