import type { Container } from '../../kube/api.ts';
import { restartPolicyOf, restartsAfter } from '../../kube/restart-policy.ts';
import { resizeOf } from '../../kube/resize.ts';
import { backOffRemainingMs } from './back-off.ts';
import { containerHash } from './container-hash.ts';
import { newestContainer, type ObservedContainer, type ObservedPod } from './observed.ts';
import { resizeKey, type PlanInput, type PodPlan, type PodStep } from './pod-plan.ts';

/** Plans what an ordinary container or a sidecar needs. */
export function planContainer(input: PlanInput, plan: PodPlan, container: Container): void {
  const newest = newestContainer(input.observed, container.name);
  if (newest === undefined) {
    planStart(input, plan, container);
  } else if (newest.state === 'running') {
    planRunning(input, plan, container, newest);
  } else if (newest.state === 'unknown') {
    plan.steps.push(stopUnknown(newest));
  } else if (
    newest.state === 'created' ||
    restartsAfter(input.pod.spec, container, newest.exitCode)
  ) {
    planStart(input, plan, container);
  }
}

/** Kubelet: what it is to look into may not run yet, but once it has run it never runs again. */
export function planEphemeralContainer(
  input: PlanInput,
  plan: PodPlan,
  container: Container,
): void {
  const newest = newestContainer(input.observed, container.name);
  if (newest === undefined || newest.state === 'created') planStart(input, plan, container);
}

/**
 * Kubelet: a changed container is restarted in any case, an unhealthy one unless it is never restarted;
 * both whatever their exit code.
 */
function planRunning(
  input: PlanInput,
  plan: PodPlan,
  container: Container,
  instance: ObservedContainer,
): void {
  const { pod, failedProbe } = input;
  const { id, hash, attempt } = instance;
  const restartAs = attempt + 1;
  if (hash !== containerHash(container)) {
    const message = `Container ${container.name} definition changed, will be restarted`;
    plan.steps.push({ type: 'stop-container', id, message, restartAs });
    return;
  }
  planResize(input, plan, container, instance);
  const failed = failedProbe?.(id);
  if (failed === undefined) return;
  const never = restartPolicyOf(pod.spec, container) === 'Never';
  const restarts = never ? '' : ', will be restarted';
  const message = `Container ${container.name} failed ${failed.kind} probe${restarts}`;
  const { graceSeconds } = failed;
  plan.steps.push({
    ...{ type: 'stop-container', id, message },
    ...(graceSeconds === undefined ? {} : { graceSeconds }),
    ...(never ? {} : { restartAs }),
  });
}

function planResize(
  { pod, notBeforeMs, nowMs }: PlanInput,
  plan: PodPlan,
  container: Container,
  { id, name, attempt, resources }: ObservedContainer,
): void {
  const resize = resources === undefined ? 'none' : resizeOf(container, pod.spec, resources);
  if (resize === 'none') return;
  const heldUntilMs = notBeforeMs.get(resizeKey(name)) ?? 0;
  if (heldUntilMs > nowMs) {
    plan.wakeAtMs = Math.min(plan.wakeAtMs ?? Infinity, heldUntilMs);
  } else if (resize === 'restart') {
    const message = `Container ${name} resize requires restart`;
    plan.steps.push({ type: 'stop-container', id, message, restartAs: attempt + 1 });
  } else {
    plan.steps.push({ type: 'resize-container', id, name });
  }
}

/** What is to be done about an instance of which the runtime doesn't know how it is. */
export function stopUnknown({ id, name }: ObservedContainer): PodStep {
  const message = `Container ${name} is in unknown state, try killing it before restart`;
  return { type: 'stop-container', id, message };
}

/** Starts a container, now or when nothing speaks against it any more. */
export function planStart(input: PlanInput, plan: PodPlan, container: Container): void {
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
