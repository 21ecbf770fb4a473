import type { Container, ContainerRestartRule, PodSpec } from './api.ts';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** What decides about restarts of a container: its own policy, else that of its pod. */
export function restartPolicyOf(spec: PodSpec, container: Container): RestartPolicy {
  return container.restartPolicy ?? spec.restartPolicy ?? 'Always';
}

/**
 * Whether a container that ended with this exit code starts again: by the first of its own rules
 * that fits, else by its policy. A plain init container that succeeded is asked no more.
 * Source: Kubernetes, "Restart individual containers"; kubelet, ShouldContainerBeRestarted.
 */
export function restartsAfter(spec: PodSpec, container: Container, exitCode: number): boolean {
  if (ruleFor(container, exitCode) !== undefined) return true;
  const policy = restartPolicyOf(spec, container);
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/**
 * Whether a container that ended with this exit code takes all of its pod with it, to begin anew.
 * Source: Kubernetes, "Restart all containers" (KEP-5532).
 */
export function restartsAll(container: Container, exitCode: number): boolean {
  return ruleFor(container, exitCode)?.action === allContainers;
}

/** Whether any exit code of a pod's containers could do so. */
export function couldRestartAll({ initContainers = [], containers }: PodSpec): boolean {
  return [...initContainers, ...containers].some(({ restartPolicyRules = [] }) =>
    restartPolicyRules.some(({ action }) => action === allContainers),
  );
}

const allContainers = 'RestartAllContainers';

/** The first that fits. */
function ruleFor(container: Container, exitCode: number): ContainerRestartRule | undefined {
  return container.restartPolicyRules?.find((rule) => fits(rule, exitCode));
}

function fits({ action, exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (!['Restart', allContainers].includes(action) || exitCodes === undefined) return false;
  const listed = exitCodes.values?.includes(exitCode) === true;
  return exitCodes.operator === 'NotIn' ? !listed : listed;
}
