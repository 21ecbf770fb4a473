import type { Pod } from '../../kube/api.ts';
import { plainInitContainers } from '../../kube/container-status.ts';
import { restartPolicyOf, restartsAfter } from '../../kube/restart-policy.ts';
import {
  newestContainer,
  newestSandbox,
  type ObservedPod,
  type ObservedSandbox,
} from './observed.ts';
import { planContainer, planEphemeralContainer } from './plan-container.ts';
import { planInitContainers } from './plan-init.ts';
import { planRestartAll, restartTrigger } from './plan-restart-all.ts';
import { sandboxKey, type PlanInput, type PodPlan } from './pod-plan.ts';

/**
 * What a pod that has not finished needs next, after the kubelet's `computePodActions`: a sandbox,
 * then init containers one after the other, each sidecar among them up before the next, then the
 * rest, restarted as the policies say. Ephemeral containers wait for nothing but the sandbox. Pure.
 */
export function planPod(input: PlanInput): PodPlan {
  const { spec } = input.pod;
  const plan: PodPlan = { steps: [], waiting: new Map() };
  if (!hasOneReadySandbox(input.observed)) return planSandbox(input, plan);
  const trigger = restartTrigger(input.pod, input.observed);
  if (trigger !== undefined) return planRestartAll(input, plan, trigger);
  for (const container of spec.ephemeralContainers ?? []) {
    planEphemeralContainer(input, plan, container);
  }
  if (planInitContainers(input, plan)) {
    for (const container of spec.containers) planContainer(input, plan, container);
  }
  for (const { id } of unusedSandboxes(input.observed)) {
    plan.steps.push({ type: 'remove-sandbox', id });
  }
  return plan;
}

type FinishInput = Pick<PlanInput, 'pod' | 'observed' | 'lastAttempts'>;

/** Whether every container of the pod has ended and none will be started again; sidecars don't count. */
export function isFinished(input: FinishInput): boolean {
  const { pod, observed } = input;
  if (hasOneReadySandbox(observed) && restartTrigger(pod, observed) !== undefined) return false;
  if (hasFailedInitContainer(pod, observed) || lostForGood(input)) return true;
  return pod.spec.containers.every((container) => {
    const newest = newestContainer(observed, container.name);
    return newest?.state === 'exited' && !restartsAfter(pod.spec, container, newest.exitCode);
  });
}

function planSandbox(input: PlanInput, plan: PodPlan): PodPlan {
  const newest = newestSandbox(input.observed);
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
function lostForGood({ pod: { spec }, observed, lastAttempts }: FinishInput): boolean {
  const begun = observed.containers.length > 0 || lastAttempts.size > 0;
  const restarts = spec.containers.some(
    (container) =>
      restartPolicyOf(spec, container) !== 'Never' ||
      (container.restartPolicyRules ?? []).length > 0,
  );
  return !restarts && begun && !hasOneReadySandbox(observed);
}

function hasOneReadySandbox(observed: ObservedPod): boolean {
  const ready = observed.sandboxes.filter((sandbox) => sandbox.ready);
  return ready.length === 1 && observed.sandboxes[0]?.ready === true;
}

/** Lost ones before the newest that have no container whose log may still be asked for. */
function unusedSandboxes({ sandboxes, containers }: ObservedPod): ObservedSandbox[] {
  const used = new Set(containers.map(({ sandboxId }) => sandboxId));
  return sandboxes.slice(1).filter(({ id }) => !used.has(id));
}

function hasFailedInitContainer({ spec }: Pod, observed: ObservedPod): boolean {
  return plainInitContainers(spec).some((container) => {
    const newest = newestContainer(observed, container.name);
    const failed = newest?.state === 'exited' && newest.exitCode !== 0;
    return failed && !restartsAfter(spec, container, newest.exitCode);
  });
}
