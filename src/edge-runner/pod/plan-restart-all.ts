import type { Pod } from '../../kube/api.ts';
import { restartsAll } from '../../kube/restart-policy.ts';
import { backOffRemainingMs } from './back-off.ts';
import {
  newestContainer,
  newestSandbox,
  type ObservedContainer,
  type ObservedPod,
} from './observed.ts';
import type { PlanInput, PodPlan } from './pod-plan.ts';

/** The container whose end takes all of its pod with it, if there is one. */
export function restartTrigger(
  { spec }: Pod,
  observed: ObservedPod,
): ObservedContainer | undefined {
  const sandboxId = newestSandbox(observed)?.id;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const newest = newestContainer(observed, container.name);
    if (newest?.state !== 'exited' || newest.sandboxId !== sandboxId) continue;
    if (restartsAll(container, newest.exitCode)) return newest;
  }
  return undefined;
}

/** Plans that all containers go, at once or when the back-off of the one that ended is over. */
export function planRestartAll(
  { restartBackOff, nowMs }: PlanInput,
  plan: PodPlan,
  trigger: ObservedContainer,
): PodPlan {
  const { name, endedAtMs } = trigger;
  const backOff = restartBackOff.get(name);
  const waitMs = backOffRemainingMs(backOff, endedAtMs, nowMs);
  if (waitMs > 0 && backOff !== undefined) {
    plan.waiting.set(name, backOff);
    return { ...plan, wakeAtMs: nowMs + waitMs };
  }
  plan.steps.push({ type: 'restart-all', trigger: name });
  return plan;
}
