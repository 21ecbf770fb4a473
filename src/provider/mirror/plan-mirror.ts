import type { Node, Pod, PodSpec } from '../../kube/api.ts';
import { apiReferenceOf } from '../../kube/api-references.ts';
import { configMirrorAnnotation } from '../../kube/mirror-pod.ts';
import {
  configHashAnnotation,
  configSeenAnnotation,
  configSourceAnnotation,
} from '../../kube/priority.ts';
import type { Site } from '../../kube/site.ts';
import { maxStaticPodBytes } from '../../protocol/limits.ts';
import type { StaticPodReport } from '../../protocol/report.ts';
import { acceptPod, PodInvalidError } from '../pod/check-pod.ts';
import { showsStaticPodsIn } from '../pod/tenancy.ts';

/** The pod that stands for a static pod in the API, or why there is none. */
export type MirrorPlan = { ok: true; pod: Pod } | { ok: false; message: string };

/** Annotations that only the provider writes. */
const ownPrefixes = ['towline.dev/', 'kubernetes.io/config.'];

/**
 * Decides on a static pod that a device says it has. A device may show a pod of its own, under its node's
 * name, in a namespace that its Site lets it show pods in; the pod leads to no other object of the API and
 * is owned by the Node. Everything else about it is made here: a device gives labels, annotations and
 * the spec, nothing more.
 * Source: kubelet, pkg/kubelet/pod, CreateMirrorPod; the NodeRestriction admission plugin, admitPodCreate.
 */
export function planMirror(
  told: StaticPodReport,
  { node, tenant, site }: { node: Node; tenant: string; site: Site | undefined },
): MirrorPlan {
  const message = problemOf(told, node.metadata.name, { tenant, site });
  if (message !== undefined) return { ok: false, message };
  const pod = mirrorPod(told, node);
  try {
    // What could not be read when the API gave it back would never be seen to be there.
    acceptPod({ ...pod, metadata: { ...pod.metadata, uid: told.uid } });
  } catch (error) {
    if (error instanceof PodInvalidError) return { ok: false, message: error.message };
    throw error;
  }
  return { ok: true, pod };
}

function mirrorPod({ namespace, name, uid, seen, manifest }: StaticPodReport, node: Node): Pod {
  const { name: nodeName, uid: nodeUid = '' } = node.metadata;
  const given = Object.entries(manifest?.annotations ?? {}).filter(
    ([key]) => !ownPrefixes.some((prefix) => key.startsWith(prefix)),
  );
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace, labels: manifest?.labels ?? {} },
      annotations: {
        ...Object.fromEntries(given),
        [configHashAnnotation]: uid,
        [configMirrorAnnotation]: uid,
        [configSeenAnnotation]: seen,
        [configSourceAnnotation]: 'file',
      },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid, controller: true },
      ],
    },
    spec: { ...(manifest?.spec as unknown as PodSpec), nodeName },
  };
}

function problemOf(
  { namespace, name, manifest }: StaticPodReport,
  nodeName: string,
  rules: { tenant: string; site: Site | undefined },
): string | undefined {
  if (!isNamedAfter(name, nodeName)) {
    return `its name does not end in "-${nodeName}"`;
  }
  if (!showsStaticPodsIn(namespace, rules)) {
    return `the Site shows no static pods in namespace "${namespace}": see its spec.allowedNamespaces and spec.staticPodNamespaces`;
  }
  if (manifest === undefined) return `it has more than ${maxStaticPodBytes} bytes`;
  const reference = apiReferenceOf(manifest.spec);
  return reference === undefined ? undefined : `static pods may not reference ${reference}`;
}

/** Whether a pod's name is one that a node's static pods have. */
export function isNamedAfter(name: string, nodeName: string): boolean {
  return name.endsWith(`-${nodeName}`) && name.length > nodeName.length + 1;
}
