import type { ObservedPod } from './observed.ts';

/** Labels of a kubelet on sandboxes and containers, and the site's own by which it knows them again. */
export const labels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
  site: 'towline.dev/site',
} as const;

/** Annotations of a kubelet on containers; values are strings. */
export const annotations = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  terminationMessageFile: 'towline.dev/termination-message-file',
  resources: 'towline.dev/resources',
  podResources: 'towline.dev/pod-resources',
  terminationGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
} as const;

/** A pod that the runtime knows, with what is needed to end it even when its spec is gone. */
export interface RuntimePod {
  uid: string;
  namespace: string;
  name: string;
  graceSeconds: number;
}

/** What the pod engine reads of the runtime. */
export interface PodObserver {
  observe(podUid: string): Promise<ObservedPod>;
  /** Every pod of this device's sites, also of one that it has left, that has a sandbox or a container. */
  list(): Promise<RuntimePod[]>;
}
