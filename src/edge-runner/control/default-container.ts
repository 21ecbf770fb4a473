import type { Pod } from '../../kube/api.ts';
import { containersOf } from '../pod/pod-containers.ts';

/** The container that kubectl takes where none is named: the one that the pod's annotation says, else the first. */
export function defaultContainer(pod: Pod | undefined): string {
  const wanted = pod?.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  const exists = pod !== undefined && containersOf(pod).some(({ name }) => name === wanted);
  return (exists ? wanted : undefined) ?? pod?.spec.containers[0]?.name ?? '';
}
