import type { ContainerStatus, Pod } from '../../kube/api.ts';
import { formatAge, formatTable } from '../../kube/table.ts';

/** Pods as `kubectl get pods -A` prints them; `wide` adds since when they run, and where. */
export function formatPods(
  pods: readonly Pod[],
  options: { wide: boolean; nowMs: number },
): string {
  const heads = ['NAMESPACE', 'NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE'];
  const rows = pods.map((pod) => [
    ...[pod.metadata.namespace ?? '-', pod.metadata.name, readyText(pod), statusText(pod)],
    ...[String(restarts(pod)), formatAge(pod.metadata.creationTimestamp, options.nowMs)],
    ...(options.wide ? [runningSince(pod, options.nowMs), pod.status?.podIP ?? '<none>'] : []),
  ]);
  return formatTable(options.wide ? [...heads, 'RUNNING', 'IP'] : heads, rows);
}

/** One word for how a pod is, after kubectl's `printPod`. */
export function statusText({ metadata, spec, status = {} }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const { initContainerStatuses = [], containerStatuses = [] } = status;
  const done = initContainerStatuses.filter(({ state }) => state.terminated?.exitCode === 0).length;
  const init = initContainerStatuses.find(({ state }) => state.terminated?.exitCode !== 0);
  if (init !== undefined && status.phase === 'Pending') {
    const why = troubleOf(init);
    const isOrdinary = why === undefined || why === 'PodInitializing';
    return `Init:${isOrdinary ? `${done}/${spec.initContainers?.length ?? 0}` : why}`;
  }
  const troubles = containerStatuses.map(troubleOf).filter((found) => found !== undefined);
  return troubles[0] ?? status.reason ?? status.phase ?? 'Pending';
}

function troubleOf({ state }: ContainerStatus): string | undefined {
  if (state.waiting?.reason !== undefined) return state.waiting.reason;
  if (state.terminated === undefined) return undefined;
  const { reason, signal, exitCode } = state.terminated;
  if (reason !== undefined && reason !== '') return reason;
  return signal === undefined ? `ExitCode:${exitCode}` : `Signal:${signal}`;
}

function readyText({ spec, status }: Pod): string {
  const ready = status?.containerStatuses?.filter((container) => container.ready).length ?? 0;
  return `${ready}/${spec.containers.length}`;
}

function restarts({ status }: Pod): number {
  const statuses = status?.containerStatuses ?? [];
  return statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** How long the container that was started last has been running. */
function runningSince({ status }: Pod, nowMs: number): string {
  const starts = (status?.containerStatuses ?? [])
    .map(({ state }) => state.running?.startedAt)
    .filter((start) => start !== undefined)
    .sort();
  return formatAge(starts.at(-1), nowMs);
}
