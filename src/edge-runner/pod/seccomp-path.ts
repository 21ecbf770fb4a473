import { isAbsolute, join } from 'node:path';
import { PodProblem } from './pod-problem.ts';

/**
 * Where a `Localhost` profile of seccomp is. It never leads out of the folder of profiles.
 * @throws PodProblem `CreateContainerConfigError`
 */
export function seccompPath(root: string, profile = ''): string {
  if (profile === '') {
    const problem = 'localhostProfile must be set if seccompProfile type is Localhost.';
    throw new PodProblem('CreateContainerConfigError', problem);
  }
  if (isAbsolute(profile) || profile.split('/').includes('..')) {
    const problem = `seccompProfile.localhostProfile "${profile}" must be a path below the node's folder of profiles`;
    throw new PodProblem('CreateContainerConfigError', problem);
  }
  return join(root, profile);
}
