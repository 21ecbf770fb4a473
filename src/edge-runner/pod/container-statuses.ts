import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStateWaiting,
  ContainerStatus,
  Pod,
  PodStatus,
} from '../../kube/api.ts';
import { isSidecar, statusNamed } from '../../kube/container-status.ts';
import { formatDuration } from '../../kube/duration.ts';
import { resizable, resizeOf } from '../../kube/resize.ts';
import { maxPodTerminationMessageBytes } from '../limits.ts';
import type { ProbeResults } from '../probes/pod-probes.ts';
import type { BackOff } from './back-off.ts';
import { newestContainer, type ObservedContainer, type ObservedPod } from './observed.ts';
import { initialized } from './plan-init.ts';
import { containersOf } from './pod-containers.ts';
import { volumeMountStatuses } from './volume-mount-statuses.ts';

export interface ContainerStatusInput {
  pod: Pod;
  observed: ObservedPod;
  /** Containers that wait for their restart back-off. */
  waiting: ReadonlyMap<string, BackOff>;
  /** Why the last try to start a container failed. */
  problems: ReadonlyMap<string, ContainerStateWaiting>;
  /** What probes say of running containers; absent: nothing against them. */
  probes?: ProbeResults;
  /** Termination messages by container id. */
  messages: ReadonlyMap<string, string>;
  /** The pod is over and none of its containers starts again. */
  finished: boolean;
  /** The runtime can make what is mounted below a read-only mount read-only, too. */
  recursiveReadOnly?: boolean;
  /** What was reported before: it knows of containers that the runtime has forgotten. */
  previous: PodStatus | undefined;
}

type Kind = 'init' | 'main' | 'ephemeral';

const listOf = {
  init: 'initContainerStatuses',
  main: 'containerStatuses',
  ephemeral: 'ephemeralContainerStatuses',
} as const;

/**
 * Statuses of a list of containers of the pod, in the order of its spec, as a kubelet writes them.
 * Source: kubelet, convertToAPIContainerStatuses in kubelet_pods.go, TerminatePod in status_manager.go.
 */
export function containerStatuses(
  input: ContainerStatusInput,
  containers: readonly Container[],
  kind: Kind,
): ContainerStatus[] {
  return containers.map((container) => {
    const mounts = volumeMountStatuses(container, input.recursiveReadOnly === true);
    const status = {
      ...statusOf(input, container, kind),
      ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    };
    return input.finished ? closed(input, status, kind) : status;
  });
}

function statusOf(input: ContainerStatusInput, container: Container, kind: Kind): ContainerStatus {
  const { observed, previous } = input;
  const before = statusNamed(previous?.[listOf[kind]], container.name);
  const newest = newestContainer(observed, container.name);
  if (newest === undefined) return unseen(input, container, before);
  const instance = newest.state === 'created' ? undefined : newest;
  const state = stateOf(input, container, instance, before);
  const isShown = state.waiting === undefined;
  const last = lastEnded(observed, container.name, isShown ? instance : undefined);
  return {
    name: container.name,
    state,
    lastState: last === undefined ? {} : { terminated: terminated(last, input) },
    ...healthOf(input, container, { state, instance: newest, kind }),
    restartCount: newest.attempt,
    image: container.image ?? '',
    imageID: newest.imageId,
    containerID: `containerd://${newest.id}`,
    ...resourcesOf(input.pod, container, newest),
    ...stopSignalOf(container, newest),
    ...(newest.user === undefined ? {} : { user: { linux: newest.user } }),
  };
}

/**
 * What it has been allotted, and what it has; nothing of a container that has no requests or limits, unless its
 * pod has some as a whole: the API server lets pods be resized only whose containers say what they have.
 * Kubelet: where the kernel makes no difference between the two, it has what it has been allotted.
 */
function resourcesOf(
  pod: Pod,
  container: Container,
  { resources: has }: ObservedContainer,
): Pick<ContainerStatus, 'allocatedResources' | 'resources'> {
  const allotted = resizable(container);
  const { requests } = allotted;
  const isDone = has !== undefined && resizeOf(container, pod.spec, has) === 'none';
  const resources = isDone ? allotted : has?.container;
  const isNothing = [resources, pod.spec.resources].every(
    (each) => Object.keys(each ?? {}).length === 0,
  );
  return {
    ...(requests === undefined ? {} : { allocatedResources: requests }),
    ...(resources === undefined || isNothing ? {} : { resources }),
  };
}

function stopSignalOf(
  { lifecycle }: Container,
  { stopSignal = lifecycle?.stopSignal }: ObservedContainer,
): Pick<ContainerStatus, 'stopSignal'> {
  return stopSignal === undefined ? {} : { stopSignal };
}

function stateOf(
  input: ContainerStatusInput,
  container: Container,
  instance: ObservedContainer | undefined,
  before: ContainerStatus | undefined,
): ContainerState {
  if (instance?.state === 'running') {
    return { running: { ...(instance.startedAt ? { startedAt: instance.startedAt } : {}) } };
  }
  const waiting = waitingOf(input, container);
  if (waiting !== undefined) return { waiting };
  if (instance?.state === 'exited') return { terminated: terminated(instance, input) };
  if (instance?.state === 'unknown' && before?.state.running) return { terminated: unlocated };
  return { waiting: { reason: defaultReason(input.pod) } };
}

/** A container that the runtime doesn't have (yet, or any more). */
function unseen(
  input: ContainerStatusInput,
  container: Container,
  before: ContainerStatus | undefined,
): ContainerStatus {
  const waiting = waitingOf(input, container);
  if (before?.state.terminated && waiting === undefined) return before;
  const lost = before?.state.running ? unlocated : before?.state.terminated;
  const last = lost ?? before?.lastState.terminated;
  return {
    name: container.name,
    state: { waiting: waiting ?? { reason: defaultReason(input.pod) } },
    lastState: last === undefined ? {} : { terminated: last },
    ready: false,
    started: false,
    restartCount: before?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
  };
}

/** The end of a container of a pod that is over; of one that nobody saw end, the worst is assumed. */
function closed(input: ContainerStatusInput, status: ContainerStatus, kind: Kind): ContainerStatus {
  if (status.state.terminated !== undefined) return status;
  const due = kind === 'main' && initialized(input.pod, input.observed);
  if (!due && !hasBegun(status)) return status;
  return { ...status, state: { terminated: unlocated }, ready: false, started: false };
}

function hasBegun({ state, lastState }: ContainerStatus): boolean {
  return state.running !== undefined || lastState.terminated !== undefined;
}

/** What is known of why a container that isn't running has not been started (again). */
function waitingOf(
  { pod, waiting, problems, finished }: ContainerStatusInput,
  { name }: Container,
): ContainerStateWaiting | undefined {
  const backOff = waiting.get(name);
  if (backOff !== undefined) return crashLoop(pod, name, backOff);
  return finished ? undefined : problems.get(name);
}

/** Kubelet: the same for all containers of a pod, init containers or not. */
function defaultReason(pod: Pod): string {
  return (pod.spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating';
}

/** Kubelet: a sidecar is as healthy as an ordinary container; nobody asks after an ephemeral one. */
function healthOf(
  { probes }: ContainerStatusInput,
  container: Container,
  { state, instance, kind }: { state: ContainerState; instance: ObservedContainer; kind: Kind },
): { ready: boolean; started: boolean } {
  const runs = state.running !== undefined;
  const started = runs && (probes?.started(instance) ?? true);
  if (kind === 'ephemeral') return { ready: false, started };
  if (kind === 'init' && !isSidecar(container)) {
    return { ready: state.terminated?.exitCode === 0, started };
  }
  return { ready: runs && (probes?.ready(instance) ?? true), started };
}

function crashLoop(pod: Pod, name: string, backOff: BackOff): ContainerStateWaiting {
  const { name: podName, namespace = 'default', uid = '' } = pod.metadata;
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${formatDuration(backOff.delayMs)} restarting failed container=${name} pod=${podName}_${namespace}(${uid})`,
  };
}

/** The newest instance that has ended, besides the one that `state` shows. */
function lastEnded(
  observed: ObservedPod,
  name: string,
  shown: ObservedContainer | undefined,
): ObservedContainer | undefined {
  return observed.containers.find(
    (container) =>
      container.name === name && container.state === 'exited' && container.id !== shown?.id,
  );
}

function terminated(
  container: ObservedContainer,
  { pod, messages }: ContainerStatusInput,
): ContainerStateTerminated {
  const message = ownShare(pod, messages.get(container.id) ?? container.message);
  return {
    exitCode: container.exitCode,
    reason: container.reason || (container.exitCode === 0 ? 'Completed' : 'Error'),
    ...(message === '' ? {} : { message }),
    ...(container.startedAt === undefined ? {} : { startedAt: container.startedAt }),
    ...(container.finishedAt === undefined ? {} : { finishedAt: container.finishedAt }),
    containerID: `containerd://${container.id}`,
  };
}

/** Kubelet: the containers of a pod share the bytes of its messages; what is too much is cut off. */
function ownShare(pod: Pod, message: string): string {
  const maxBytes = Math.floor(maxPodTerminationMessageBytes / containersOf(pod).length);
  const bytes = Buffer.from(message);
  return bytes.length <= maxBytes ? message : bytes.subarray(0, maxBytes).toString();
}

/** Kubelet's words for a container that ran and of which nobody can say how it ended. */
const unlocated: ContainerStateTerminated = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was terminated',
};
