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
  if (container.restartPolicyRules?.some((rule) => fits(rule, exitCode))) return true;
  const policy = restartPolicyOf(spec, container);
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function fits({ action, exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (action !== 'Restart' || exitCodes === undefined) return false;
  const listed = exitCodes.values?.includes(exitCode) === true;
  return exitCodes.operator === 'NotIn' ? !listed : listed;
}
