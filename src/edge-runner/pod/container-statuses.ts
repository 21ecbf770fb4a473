import type {
  Container,
  ContainerState,
  ContainerStateWaiting,
  ContainerStatus,
  Pod,
} from '../../kube/api.ts';
import { formatDuration } from '../../kube/duration.ts';
import type { BackOff } from './back-off.ts';
import { newestContainer, type ObservedContainer, type ObservedPod } from './observed.ts';
import { initialized } from './plan.ts';

export interface ContainerStatusInput {
  pod: Pod;
  observed: ObservedPod;
  /** Containers that wait for their restart back-off. */
  waiting: ReadonlyMap<string, BackOff>;
  /** Why the last try to start a container failed. */
  problems: ReadonlyMap<string, ContainerStateWaiting>;
  /** Termination messages by container id. */
  messages: ReadonlyMap<string, string>;
  /** The pod has ended and none of its containers starts again. */
  finished: boolean;
}

/** Statuses of a list of containers of the pod, in the order of its spec, as a kubelet writes them. */
export function containerStatuses(
  input: ContainerStatusInput,
  containers: readonly Container[],
  kind: 'init' | 'main',
): ContainerStatus[] {
  return containers.map((container) => statusOf(input, container, kind));
}

function statusOf(
  input: ContainerStatusInput,
  container: Container,
  kind: 'init' | 'main',
): ContainerStatus {
  const newest = newestContainer(input.observed, container.name);
  const instance = newest?.state === 'created' ? undefined : newest;
  const state = stateOf(input, container, instance, kind);
  const shown = state.running ?? state.terminated;
  const last = previousOf(input, container.name, shown === undefined ? undefined : instance);
  const ready = kind === 'main' ? state.running !== undefined : state.terminated?.exitCode === 0;
  return {
    name: container.name,
    state,
    lastState: last === undefined ? {} : { terminated: terminated(last, input.messages) },
    ready,
    ...(kind === 'main' ? { started: state.running !== undefined } : {}),
    restartCount: newest?.attempt ?? 0,
    image: container.image ?? '',
    imageID: newest?.imageId ?? '',
    ...(newest === undefined ? {} : { containerID: `containerd://${newest.id}` }),
  };
}

function stateOf(
  input: ContainerStatusInput,
  container: Container,
  instance: ObservedContainer | undefined,
  kind: 'init' | 'main',
): ContainerState {
  if (instance?.state === 'running') {
    return { running: { ...(instance.startedAt ? { startedAt: instance.startedAt } : {}) } };
  }
  const ended = instance?.state === 'exited' ? instance : undefined;
  const backOff = input.waiting.get(container.name);
  if (backOff !== undefined) return { waiting: crashLoop(input.pod, container.name, backOff) };
  const problem = input.problems.get(container.name);
  if (problem !== undefined && !input.finished) return { waiting: problem };
  if (ended !== undefined) {
    return { terminated: terminated(ended, input.messages) };
  }
  if (input.finished && input.observed.sandboxes.length > 0 && kind === 'main') {
    return neverFound(input, container.name);
  }
  return { waiting: { reason: waitingReason(input, kind) } };
}

function waitingReason(input: ContainerStatusInput, kind: 'init' | 'main'): string {
  const hasInit = (input.pod.spec.initContainers ?? []).length > 0;
  const sandbox = input.observed.sandboxes.some((candidate) => candidate.ready);
  if (!hasInit) return 'ContainerCreating';
  if (kind === 'main')
    return initialized(input.pod, input.observed) && sandbox
      ? 'ContainerCreating'
      : 'PodInitializing';
  return 'PodInitializing';
}

/** Kubelet: a container of a pod that has ended and which the runtime doesn't know (any more). */
function neverFound(input: ContainerStatusInput, name: string): ContainerState {
  const begun = input.observed.containers.some((container) => container.name === name);
  if (begun || input.observed.containers.length === 0) {
    return { waiting: { reason: 'ContainerCreating' } };
  }
  return {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
    },
  };
}

function crashLoop(pod: Pod, name: string, backOff: BackOff): ContainerStateWaiting {
  const { name: podName, namespace = 'default', uid = '' } = pod.metadata;
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${formatDuration(backOff.delayMs)} restarting failed container=${name} pod=${podName}_${namespace}(${uid})`,
  };
}

/** The instance before the one that `state` shows. */
function previousOf(
  input: ContainerStatusInput,
  name: string,
  shown: ObservedContainer | undefined,
): ObservedContainer | undefined {
  return input.observed.containers.find(
    (container) =>
      container.name === name && container.state === 'exited' && container.id !== shown?.id,
  );
}

function terminated(
  container: ObservedContainer,
  messages: ReadonlyMap<string, string>,
): NonNullable<ContainerState['terminated']> {
  const message = messages.get(container.id) ?? container.message;
  return {
    exitCode: container.exitCode,
    reason: container.reason || (container.exitCode === 0 ? 'Completed' : 'Error'),
    ...(message === '' ? {} : { message }),
    ...(container.startedAt === undefined ? {} : { startedAt: container.startedAt }),
    ...(container.finishedAt === undefined ? {} : { finishedAt: container.finishedAt }),
    containerID: `containerd://${container.id}`,
  };
}
