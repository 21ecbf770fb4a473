import type { Pod } from '../../kube/api.ts';
import { nodeUidOf } from '../../kube/mirror-pod.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import type { NodeDirectory } from './node-directory.ts';

/** Where in a node a request goes; `uid` only when the path has it. */
export interface PodTarget {
  namespace: string;
  pod: string;
  uid?: string;
}

/** The pod of a path. @throws KubeletApiError `NOT_FOUND` with a kubelet's text. */
export function requirePod(nodes: NodeDirectory, nodeName: string, target: PodTarget): Pod {
  const pod = nodes.pod(nodeName, target.namespace, target.pod);
  if (pod === undefined) throw new KubeletApiError('NOT_FOUND', 'pod does not exist');
  if (target.uid !== undefined && target.uid !== pod.metadata.uid) {
    throw new KubeletApiError('NOT_FOUND', 'pod not found');
  }
  return pod;
}

/** How a head names a pod of the API to its node. */
export function podName(pod: Pod): { namespace: string; pod: string; podUid?: string } {
  const { namespace = '', name } = pod.metadata;
  const podUid = nodeUidOf(pod);
  return { namespace, pod: name, ...(podUid === undefined ? {} : { podUid }) };
}

/** True when the pod's spec has a container of that name, of any kind. */
export function hasContainer(pod: Pod, name: string): boolean {
  const { spec } = pod;
  const containers = [
    ...spec.containers,
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  return containers.some((container) => container.name === name);
}
