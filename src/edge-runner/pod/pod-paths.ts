import { join } from 'node:path';
import type { Pod } from '../../kube/api.ts';
import { safeName } from '../volumes/safe-name.ts';

/**
 * Folder of a pod's container logs, named as a kubelet names it: `<namespace>_<name>_<uid>`.
 * @throws VolumeError `UNSAFE_NAME`
 */
export function podLogDirectory(logRoot: string, pod: Pod): string {
  const { namespace = 'default', name, uid = '' } = pod.metadata;
  return join(logRoot, [namespace, name, uid].map(safeName).join('_'));
}

/** A container's log file, relative to the pod's log folder. @throws VolumeError `UNSAFE_NAME` */
export function containerLogPath(containerName: string, attempt: number): string {
  return join(safeName(containerName), `${attempt}.log`);
}
