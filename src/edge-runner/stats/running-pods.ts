import type { KnownPod } from './usage.ts';

/** A kubelet's `/runningpods`: what runs, as far as the runtime knows it. */
export function runningPods(pods: readonly KnownPod[]): object {
  const running = pods.filter(({ observed }) => observed.sandboxes.some(({ ready }) => ready));
  return {
    kind: 'PodList',
    apiVersion: 'v1',
    metadata: {},
    items: running.map(({ pod, observed }) => {
      const { name, namespace, uid } = pod.metadata;
      return {
        metadata: { name, namespace, uid },
        spec: {
          containers: observed.containers
            .filter(({ state }) => state === 'running')
            .map((container) => ({
              name: container.name,
              image: container.imageId,
              resources: {},
            })),
        },
        status: {},
      };
    }),
  };
}
