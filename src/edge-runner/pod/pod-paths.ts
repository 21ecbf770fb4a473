import { join } from 'node:path';
import type { Pod } from '../../kube/api.ts';

/** Folder of a pod's container logs, named as a kubelet names it: `<namespace>_<name>_<uid>`. */
export function podLogDirectory(logRoot: string, pod: Pod): string {
  const { namespace = 'default', name, uid = '' } = pod.metadata;
  return join(logRoot, `${namespace}_${name}_${uid}`);
}

/** A container's log file, relative to the pod's log folder. */
export function containerLogPath(containerName: string, attempt: number): string {
  return join(containerName, `${attempt}.log`);
}
