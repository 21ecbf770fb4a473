import type { Container, Pod } from '../../kube/api.ts';
import { isSidecar } from '../../kube/container-status.ts';
import {
  newestContainer,
  newestSandbox,
  type ObservedContainer,
  type ObservedPod,
} from './observed.ts';
import { planContainer, planStart, stopUnknown } from './plan-container.ts';
import type { PlanInput, PodPlan } from './pod-plan.ts';

/**
 * Plans what init containers and sidecars need, one after the other: a plain one must succeed, a
 * sidecar must have started, before the next one's turn. Whatever comes before the furthest that was
 * ever reached in this sandbox is done, but for sidecars, which are kept up to the end.
 * Returns true when the ordinary containers may run.
 */
export function planInitContainers(input: PlanInput, plan: PodPlan): boolean {
  const { pod, observed } = input;
  const reached = furthestReached(pod, observed);
  for (const [place, container] of (pod.spec.initContainers ?? []).entries()) {
    const passed = place < reached;
    if (isSidecar(container)) {
      planContainer(input, plan, container);
      if (!passed && !isUp(input, container)) return false;
    } else if (!passed && !hasSucceeded(observed, container)) {
      planPlain(input, plan, container);
      return false;
    }
  }
  return true;
}

/**
 * Init containers ran to their end and sidecars have begun in this sandbox, or an ordinary container
 * already runs in it.
 */
export function initialized(pod: Pod, observed: ObservedPod): boolean {
  const init = pod.spec.initContainers ?? [];
  if (furthestReached(pod, observed) === init.length) return true;
  return init.every((container) =>
    isSidecar(container)
      ? currentContainer(observed, container.name) !== undefined
      : hasSucceeded(observed, container),
  );
}

/** The place of the last init container that was made in this sandbox; past the end: an ordinary one was. */
function furthestReached({ spec }: Pod, observed: ObservedPod): number {
  const wasMade = ({ name }: Container): boolean => currentContainer(observed, name) !== undefined;
  const init = spec.initContainers ?? [];
  return spec.containers.some(wasMade) ? init.length : init.findLastIndex(wasMade);
}

function isUp({ observed, isStarted }: PlanInput, { name }: Container): boolean {
  const newest = currentContainer(observed, name);
  return newest?.state === 'running' && (isStarted?.(newest) ?? true);
}

function hasSucceeded(observed: ObservedPod, { name }: Container): boolean {
  const newest = currentContainer(observed, name);
  return newest?.state === 'exited' && newest.exitCode === 0;
}

function planPlain(input: PlanInput, plan: PodPlan, container: Container): void {
  const newest = currentContainer(input.observed, container.name);
  if (newest?.state === 'unknown') plan.steps.push(stopUnknown(newest));
  else if (newest?.state !== 'running') planStart(input, plan, container);
}

/** The newest instance that belongs to the newest sandbox: init containers run again in a new one. */
function currentContainer(observed: ObservedPod, name: string): ObservedContainer | undefined {
  const newest = newestContainer(observed, name);
  return newest?.sandboxId === newestSandbox(observed)?.id ? newest : undefined;
}
