import type { Condition, ContainerStatus, Pod, PodStatus } from '../../kube/api.ts';
import { hasRegularContainerStarted } from '../../kube/container-status.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import { podConditions } from '../../kube/pod-conditions.ts';
import { podPhase } from '../../kube/pod-status.ts';
import { qosClassOf } from '../../kube/qos.ts';
import { isOfPodNow, resizable } from '../../kube/resize.ts';
import { containerStatuses, type ContainerStatusInput } from './container-statuses.ts';
import type { ObservedPod } from './observed.ts';
import { resizeConditions } from './resize-conditions.ts';
import { restartConditions } from './restart-condition.ts';

export interface PodStatusInput extends ContainerStatusInput {
  /** Why the pod was failed as a whole. */
  rejection: PodRejection | undefined;
  podIPs: string[];
  hostIPs: string[];
  nowMs: number;
  /** Why the pod waits for other resources, if it does. */
  resizePending?: Misfit | undefined;
}

/** A pod that this node doesn't run (any more): phase Failed with a reason. */
export interface PodRejection {
  reason: string;
  message: string;
  /** What its event says, where that is shorter than `message`. */
  event?: string;
  /** Of its event; a warning where absent. */
  eventType?: 'Normal';
  /** In how many seconds it must have ended, where it runs and that is less than its own grace. */
  graceSeconds?: number;
  /** It gives way to something else: the reason of its condition DisruptionTarget. */
  disruption?: string;
  /** Of that condition; the pod's own message when absent. */
  disruptionMessage?: string;
}

/**
 * The status of a pod as a kubelet computes it (`generateAPIPodStatus`). Readiness gates are left to
 * the provider, for others write the conditions that they name.
 */
export function podStatus(input: PodStatusInput): PodStatus {
  const { pod, observed, previous, rejection } = input;
  const now = new Date(input.nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const { generation } = pod.metadata;
  const begin = {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...{ startTime: previous?.startTime ?? now, qosClass: qosClassOf(pod) },
  };
  const why = rejection && { reason: rejection.reason, message: rejection.message };
  const untouched = observed.sandboxes.length === 0 && observed.containers.length === 0;
  if (rejection !== undefined && untouched) return { phase: 'Failed', ...why, ...begin };
  const init = containerStatuses(input, pod.spec.initContainers ?? [], 'init');
  const main = containerStatuses(input, pod.spec.containers, 'main');
  const ephemeral = containerStatuses(input, pod.spec.ephemeralContainers ?? [], 'ephemeral');
  const phase = phaseOf(input, init, main);
  const [podIP] = input.podIPs;
  const [hostIP] = input.hostIPs;
  return {
    phase,
    ...why,
    conditions: conditionsOf(input, { phase, init, main, now }),
    ...(hostIP === undefined ? {} : { hostIP }),
    ...(podIP === undefined ? {} : { podIP, podIPs: input.podIPs.map((ip) => ({ ip })) }),
    ...begin,
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: byName(main),
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: byName(ephemeral) }),
    ...resourcesOf(pod, observed),
  };
}

/**
 * What a pod that has resources as a whole has been allotted, and what it has: until all its containers
 * have been told of a change, what it had.
 */
function resourcesOf(
  { spec }: Pod,
  { containers }: ObservedPod,
): Pick<PodStatus, 'allocatedResources' | 'resources'> {
  const allotted = resizable(spec);
  if (Object.keys(allotted).length === 0) return {};
  const before = containers
    .filter(({ state }) => state === 'running')
    .map(({ resources }) => resources)
    .find((has) => has !== undefined && !isOfPodNow(spec, has));
  return {
    ...(allotted.requests === undefined ? {} : { allocatedResources: allotted.requests }),
    resources: before?.pod ?? allotted,
  };
}

/** Kubelet (normalizeStatus): those of init containers alone are in the order of the spec. */
function byName(statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return statuses.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function disruptionTarget(rejection: PodRejection, now: string): Condition[] {
  const { disruption: reason, message, disruptionMessage = message } = rejection;
  if (reason === undefined) return [];
  const condition = { type: 'DisruptionTarget', status: 'True', reason } as const;
  return [{ ...condition, message: disruptionMessage, lastTransitionTime: now }];
}

function conditionsOf(
  { pod, observed, previous, problems, resizePending, rejection }: PodStatusInput,
  {
    phase,
    init,
    main,
    now,
  }: {
    phase: NonNullable<PodStatus['phase']>;
    init: ContainerStatus[];
    main: ContainerStatus[];
    now: string;
  },
): Condition[] {
  const before = previous?.conditions ?? [];
  const own = podConditions({
    ...{ phase, now, previous: before, initContainerStatuses: init, containerStatuses: main },
    spec: { ...pod.spec, readinessGates: [] },
    sandboxReady: observed.sandboxes[0]?.ready === true,
  });
  const resize = resizeConditions({
    ...{ pod, observed, problems, now, previous: before, pending: resizePending },
  });
  const disruption = rejection === undefined ? [] : disruptionTarget(rejection, now);
  const restart = restartConditions({ pod, observed, phase, previous: before, now });
  const all = [...own, ...resize, ...restart, ...disruption];
  const { generation } = pod.metadata;
  if (generation === undefined) return all;
  return all.map((each) => ({ ...each, observedGeneration: generation }));
}

/** Whether a status says that the pod is over for good. */
export function hasEnded(status: PodStatus | undefined): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Restart counts of containers that have run, by name. */
export function lastAttempts(status: PodStatus | undefined): ReadonlyMap<string, number> {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return new Map(all.filter(hasRun).map(({ name, restartCount }) => [name, restartCount]));
}

function hasRun({ state, lastState }: ContainerStatus): boolean {
  return [state.running, state.terminated, lastState.terminated].some((part) => part !== undefined);
}

/** Kubelet: a pod that is over has succeeded or has failed, whatever became of its containers. */
function phaseOf(
  { pod, rejection, finished }: PodStatusInput,
  init: ContainerStatus[],
  main: ContainerStatus[],
): NonNullable<PodStatus['phase']> {
  if (rejection !== undefined) return 'Failed';
  const phase = podPhase(pod.spec, init, main, {
    terminal: finished,
    initialized: hasRegularContainerStarted(pod.spec, main),
  });
  return finished && phase !== 'Succeeded' ? 'Failed' : phase;
}
