import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../../kube/api.ts';
import { resizable } from '../../kube/resize.ts';
import { containersOf } from './pod-containers.ts';

/**
 * Whether a pod says other things of itself than before, of those that the downward API gives its
 * volumes and variables and that may change while it runs: labels, annotations, and resources.
 */
export function describesItselfAnew(before: Pod, after: Pod): boolean {
  return !isDeepStrictEqual(selfDescription(before), selfDescription(after));
}

function selfDescription(pod: Pod): unknown {
  const { labels = {}, annotations = {} } = pod.metadata;
  return [labels, annotations, containersOf(pod).map(resizable)];
}
