import type { Condition, Container, ContainerStatus, PodPhase, PodSpec } from './api.ts';
import { hasRegularContainerStarted, isSidecar, statusNamed } from './container-status.ts';

export interface ConditionInput {
  spec: PodSpec;
  phase: PodPhase;
  initContainerStatuses: ContainerStatus[] | undefined;
  containerStatuses: ContainerStatus[] | undefined;
  /** The pod's sandbox is there, with its network, and needn't be made again. */
  sandboxReady: boolean;
  /** The conditions reported last; readiness gates are looked up here too. */
  previous?: Condition[];
  /** RFC 3339, in whole seconds as the API has it. */
  now: string;
}

/**
 * The conditions that a kubelet owns, except PodScheduled, in its order: PodReadyToStartContainers,
 * Initialized, Ready, ContainersReady. A condition whose status is as before keeps its
 * `lastTransitionTime`.
 * Source: kubelet, pkg/kubelet/status/generate.go.
 */
export function podConditions(input: ConditionInput): Condition[] {
  const containersReady = containersReadyCondition(input);
  return [
    { type: 'PodReadyToStartContainers', status: input.sandboxReady ? 'True' : 'False' } as const,
    initializedCondition(input),
    readyCondition(input, containersReady),
    containersReady,
  ].map((condition) => withTransitionTime(condition, input));
}

function initializedCondition(input: ConditionInput): Condition {
  const type = 'Initialized';
  const statuses = allStatuses(input);
  const containers = input.spec.initContainers ?? [];
  if (statuses === undefined && containers.length > 0) return statusesUnknown(type);
  const { unknown, unready } = sort(containers, statuses, (container, status) =>
    isSidecar(container) ? status.started === true : status.ready,
  );
  if (input.phase === 'Succeeded' && unknown.length === 0) {
    return { type, status: 'True', reason: 'PodCompleted' };
  }
  if (hasRegularContainerStarted(input.spec, statuses)) return { type, status: 'True' };
  const message = listed(unknown, unready, 'incomplete');
  if (message === '') return { type, status: 'True' };
  return { type, status: 'False', reason: 'ContainersNotInitialized', message };
}

function containersReadyCondition(input: ConditionInput): Condition {
  const type = 'ContainersReady';
  const statuses = allStatuses(input);
  if (statuses === undefined) return statusesUnknown(type);
  const containers = [
    ...(input.spec.initContainers ?? []).filter(isSidecar),
    ...input.spec.containers,
  ];
  const { unknown, unready } = sort(containers, statuses, (_, status) => status.ready);
  if (input.phase === 'Succeeded' && unknown.length === 0) {
    return { type, status: 'False', reason: 'PodCompleted' };
  }
  if (input.phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const message = listed(unknown, unready, 'unready');
  if (message === '') return { type, status: 'True' };
  return { type, status: 'False', reason: 'ContainersNotReady', message };
}

function readyCondition(input: ConditionInput, containersReady: Condition): Condition {
  const type = 'Ready';
  if (containersReady.status !== 'True') return { ...containersReady, type };
  const unmet = (input.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = input.previous?.find((condition) => condition.type === conditionType);
    const name = JSON.stringify(conditionType);
    if (gate === undefined) {
      return [`corresponding condition of pod readiness gate ${name} does not exist.`];
    }
    if (gate.status === 'True') return [];
    return [`the status of pod readiness gate ${name} is not "True", but ${gate.status}`];
  });
  if (unmet.length === 0) return { type, status: 'True' };
  return { type, status: 'False', reason: 'ReadinessGatesNotReady', message: unmet.join(', ') };
}

function allStatuses(input: ConditionInput): ContainerStatus[] | undefined {
  const { initContainerStatuses, containerStatuses } = input;
  if (initContainerStatuses === undefined && containerStatuses === undefined) return undefined;
  return [...(initContainerStatuses ?? []), ...(containerStatuses ?? [])];
}

function sort(
  containers: Container[],
  statuses: ContainerStatus[] | undefined,
  isReady: (container: Container, status: ContainerStatus) => boolean,
): { unknown: string[]; unready: string[] } {
  const unknown: string[] = [];
  const unready: string[] = [];
  for (const container of containers) {
    const status = statusNamed(statuses, container.name);
    if (status === undefined) unknown.push(container.name);
    else if (!isReady(container, status)) unready.push(container.name);
  }
  return { unknown, unready };
}

function listed(unknown: string[], unready: string[], word: string): string {
  const parts: string[] = [];
  if (unknown.length > 0) parts.push(`containers with unknown status: [${unknown.join(' ')}]`);
  if (unready.length > 0) parts.push(`containers with ${word} status: [${unready.join(' ')}]`);
  return parts.join(', ');
}

function statusesUnknown(type: string): Condition {
  return { type, status: 'False', reason: 'UnknownContainerStatuses' };
}

function withTransitionTime(condition: Condition, input: ConditionInput): Condition {
  const before = input.previous?.find(({ type }) => type === condition.type);
  const unchanged = before?.status === condition.status;
  const lastTransitionTime = (unchanged ? before.lastTransitionTime : undefined) ?? input.now;
  return { ...condition, lastProbeTime: null, lastTransitionTime };
}
