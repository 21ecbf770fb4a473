import type { Container, ContainerStatus, Pod, PodStatus } from '../../kube/api.ts';
import { allStatuses } from '../../kube/container-status.ts';
import { hasEnded } from './pod-status.ts';

/**
 * Whether a pod's new status says what a runner that starts anew could learn from nothing but the
 * status itself: that the pod is over, or what the probes of a running container have said. A kubelet
 * reads both from the API (pkg/kubelet/prober, since 1.35 for readiness), which a site can't ask.
 */
export function mustBeKept(pod: Pod, status: PodStatus, before: PodStatus | undefined): boolean {
  if (hasEnded(status)) return true;
  const known = new Map(allStatuses(before).map((each) => [each.containerID, each]));
  const now = new Map(allStatuses(status).map((each) => [each.name, each]));
  const { containers, initContainers = [] } = pod.spec;
  return [...initContainers, ...containers].some((container) => {
    const found = now.get(container.name);
    return (
      found?.state.running !== undefined &&
      verdictsDiffer(container, found, known.get(found.containerID))
    );
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

function isStarted(status: ContainerStatus | undefined): boolean {
  return status?.started === true;
}
