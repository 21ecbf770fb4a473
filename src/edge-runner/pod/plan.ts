import type { Container, Pod } from '../../kube/api.ts';
import { backOffRemainingMs, type BackOff } from './back-off.ts';
import type { FailedProbe } from '../probes/pod-probes.ts';
import { containerHash } from './container-hash.ts';
import {
  newestContainer,
  newestSandbox,
  type ObservedContainer,
  type ObservedPod,
} from './observed.ts';

/** One thing to do for a pod; the worker carries it out and then plans again. */
export type PodStep =
  /** `replaces`: the pod had a sandbox before, and what is left of it goes first. */
  | { type: 'create-sandbox'; attempt: number; replaces: boolean }
  | { type: 'start-container'; name: string; attempt: number }
  /** `graceSeconds`: where it isn't the pod's. */
  | { type: 'stop-container'; id: string; message: string; graceSeconds?: number }
  | { type: 'remove-container'; id: string; logPath: string };

/** Key of the sandbox among the names of containers in `PlanInput.notBeforeMs`. */
export const sandboxKey = '';

export interface PodPlan {
  steps: PodStep[];
  /** When to plan again although nothing happened. */
  wakeAtMs?: number;
  /** Containers that wait for their back-off, with the delay that applies. */
  waiting: Map<string, BackOff>;
}

export interface PlanInput {
  pod: Pod;
  observed: ObservedPod;
  /** Restart back-off by container name. */
  restartBackOff: ReadonlyMap<string, BackOff>;
  /** Containers whose image can't be had yet or whose configuration is wrong, and until when. */
  notBeforeMs: ReadonlyMap<string, number>;
  /** Newest attempt of containers that have run, by name: the runtime may know them no more. */
  lastAttempts: ReadonlyMap<string, number>;
  /** The liveness or startup probe that a running container has failed, by its id. */
  failedProbe?: (containerId: string) => FailedProbe | undefined;
  /** On the clock of `endedAtMs`, as all times here. */
  nowMs: number;
}

/**
 * What a pod that has not finished needs next, after the kubelet's `computePodActions`: a sandbox,
 * then init containers one after the other, then the rest, restarted as the pod's policy says. Pure.
 */
export function planPod(input: PlanInput): PodPlan {
  const plan: PodPlan = { steps: [], waiting: new Map() };
  if (!hasOneReadySandbox(input.observed)) return planSandbox(input, plan);
  if (!planInitContainers(input, plan)) return plan;
  for (const container of input.pod.spec.containers) planContainer(input, plan, container);
  return plan;
}

/** Whether every container of the pod has ended and none will be started again. */
export function isFinished(input: Pick<PlanInput, 'pod' | 'observed' | 'lastAttempts'>): boolean {
  const { pod, observed } = input;
  if (failedInitContainer(pod, observed) !== undefined) return true;
  if (lostForGood(input)) return true;
  return pod.spec.containers.every((container) => {
    const newest = newestContainer(observed, container.name);
    return newest?.state === 'exited' && !restartable(pod, newest);
  });
}

/** Whether a container that has ended starts again under the pod's restart policy. */
export function restartable(pod: Pod, container: ObservedContainer): boolean {
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (policy === 'Never') return false;
  return policy === 'Always' || container.exitCode !== 0;
}

function planSandbox(input: PlanInput, plan: PodPlan): PodPlan {
  const { observed } = input;
  const newest = newestSandbox(observed);
  const heldUntilMs = input.notBeforeMs.get(sandboxKey) ?? 0;
  if (heldUntilMs > input.nowMs) return { ...plan, wakeAtMs: heldUntilMs };
  plan.steps.push({
    type: 'create-sandbox',
    attempt: newest === undefined ? 0 : newest.attempt + 1,
    replaces: newest !== undefined,
  });
  return plan;
}

/** A pod that is never restarted has lost its sandbox after it had begun: what is gone stays gone. */
function lostForGood({
  pod,
  observed,
  lastAttempts,
}: Pick<PlanInput, 'pod' | 'observed' | 'lastAttempts'>): boolean {
  const begun = observed.containers.length > 0 || lastAttempts.size > 0;
  return pod.spec.restartPolicy === 'Never' && begun && !hasOneReadySandbox(observed);
}

function hasOneReadySandbox(observed: ObservedPod): boolean {
  const ready = observed.sandboxes.filter((sandbox) => sandbox.ready);
  return ready.length === 1 && observed.sandboxes[0]?.ready === true;
}

/** Plans the next init container. Returns true when all of them have succeeded. */
function planInitContainers(input: PlanInput, plan: PodPlan): boolean {
  const { pod, observed } = input;
  if (initialized(pod, observed)) return true;
  for (const container of pod.spec.initContainers ?? []) {
    const newest = currentContainer(observed, container.name);
    if (newest?.state === 'exited' && newest.exitCode === 0) continue;
    if (newest?.state === 'unknown') plan.steps.push(stopUnknown(newest));
    else if (newest?.state !== 'running') planStart(input, plan, container);
    return false;
  }
  return true;
}

/** Init containers ran to their end in this sandbox, or an ordinary container already runs in it. */
export function initialized(pod: Pod, observed: ObservedPod): boolean {
  const init = pod.spec.initContainers ?? [];
  const started = pod.spec.containers.some(
    (container) => currentContainer(observed, container.name) !== undefined,
  );
  return (
    started ||
    init.every((container) => {
      const newest = currentContainer(observed, container.name);
      return newest?.state === 'exited' && newest.exitCode === 0;
    })
  );
}

function planContainer(input: PlanInput, plan: PodPlan, container: Container): void {
  const newest = newestContainer(input.observed, container.name);
  if (newest === undefined) {
    planStart(input, plan, container);
  } else if (newest.state === 'running') {
    planRunning(input, plan, container, newest);
  } else if (newest.state === 'unknown') {
    plan.steps.push(stopUnknown(newest));
  } else if (newest.state === 'created' || restartable(input.pod, newest)) {
    planStart(input, plan, container);
  }
}

/** Kubelet: a changed container is restarted in any case, an unhealthy one as its pod's policy says. */
function planRunning(
  { pod, failedProbe }: PlanInput,
  plan: PodPlan,
  container: Container,
  { id, hash }: ObservedContainer,
): void {
  if (hash !== containerHash(container)) {
    const message = `Container ${container.name} definition changed, will be restarted`;
    plan.steps.push({ type: 'stop-container', id, message });
    return;
  }
  const failed = failedProbe?.(id);
  if (failed === undefined) return;
  const restarts = pod.spec.restartPolicy === 'Never' ? '' : ', will be restarted';
  const message = `Container ${container.name} failed ${failed.kind} probe${restarts}`;
  const { graceSeconds } = failed;
  plan.steps.push({
    ...{ type: 'stop-container', id, message },
    ...(graceSeconds === undefined ? {} : { graceSeconds }),
  });
}

function stopUnknown({ id, name }: ObservedContainer): PodStep {
  const message = `Container ${name} is in unknown state, try killing it before restart`;
  return { type: 'stop-container', id, message };
}

function planStart(input: PlanInput, plan: PodPlan, container: Container): void {
  const { observed, nowMs } = input;
  const newest = newestContainer(observed, container.name);
  const ended = newest?.state === 'exited' ? newest : undefined;
  const backOff = input.restartBackOff.get(container.name);
  const restartInMs = ended === undefined ? 0 : backOffRemainingMs(backOff, ended.endedAtMs, nowMs);
  const heldUntilMs = input.notBeforeMs.get(container.name) ?? 0;
  const startAtMs = Math.max(nowMs + restartInMs, heldUntilMs);
  if (startAtMs > nowMs) {
    if (restartInMs > 0 && backOff !== undefined) plan.waiting.set(container.name, backOff);
    plan.wakeAtMs = Math.min(plan.wakeAtMs ?? Infinity, startAtMs);
    return;
  }
  for (const old of removable(observed, container.name)) {
    plan.steps.push({ type: 'remove-container', id: old.id, logPath: old.logPath });
  }
  const { name } = container;
  plan.steps.push({ type: 'start-container', name, attempt: nextAttempt(input, name) });
}

/** Counts on from what has run; an instance that never ran is made again under its own number. */
function nextAttempt({ observed, lastAttempts }: PlanInput, name: string): number {
  const newest = newestContainer(observed, name);
  if (newest !== undefined) return newest.state === 'exited' ? newest.attempt + 1 : newest.attempt;
  const last = lastAttempts.get(name);
  return last === undefined ? 0 : last + 1;
}

/**
 * Instances that never ran, and dead ones but the newest, which `kubectl logs --previous` needs
 * (one is kept, as a kubelet does).
 */
function removable(observed: ObservedPod, name: string): ObservedContainer[] {
  const own = observed.containers.filter((container) => container.name === name);
  return [
    ...own.filter((container) => container.state === 'created'),
    ...own.filter((container) => container.state === 'exited').slice(1),
  ];
}

function failedInitContainer(pod: Pod, observed: ObservedPod): ObservedContainer | undefined {
  if (pod.spec.restartPolicy !== 'Never') return undefined;
  for (const container of pod.spec.initContainers ?? []) {
    const newest = newestContainer(observed, container.name);
    if (newest?.state === 'exited' && newest.exitCode !== 0) return newest;
  }
  return undefined;
}

/** The newest instance that belongs to the newest sandbox: init containers run again in a new one. */
function currentContainer(observed: ObservedPod, name: string): ObservedContainer | undefined {
  const newest = newestContainer(observed, name);
  return newest?.sandboxId === newestSandbox(observed)?.id ? newest : undefined;
}
