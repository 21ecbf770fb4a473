import type { Pod } from '../../kube/api.ts';
import { configSeenAnnotation, isStatic } from '../../kube/priority.ts';
import { maxStaticPodBytes, maxToldStaticPods } from '../../protocol/limits.ts';
import type { StaticPodReport } from '../../protocol/report.ts';

/**
 * What the provider is told of the static pods among these, to show them in the API. Of two with one name the
 * first counts: a pod that still ends is shown until it has. What is too large goes without its manifest.
 */
export function tellStaticPods(pods: readonly Pod[]): StaticPodReport[] {
  const told = new Map<string, StaticPodReport>();
  for (const pod of pods) {
    const { namespace = '', name } = pod.metadata;
    const key = `${namespace}/${name}`;
    if (isStatic(pod) && !told.has(key)) told.set(key, tell(pod, namespace));
  }
  return [...told.values()].slice(0, maxToldStaticPods);
}

function tell({ metadata, spec }: Pod, namespace: string): StaticPodReport {
  const { name, uid = '', labels, annotations } = metadata;
  const manifest = { labels, annotations, spec: { ...spec } };
  const fits = Buffer.byteLength(JSON.stringify(manifest)) <= maxStaticPodBytes;
  return {
    ...{ namespace, name, uid, seen: annotations?.[configSeenAnnotation] ?? '' },
    ...(fits ? { manifest } : {}),
  };
}
