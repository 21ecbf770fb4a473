import type {
  ConfigMap,
  KubernetesObject,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodStatus,
  RuntimeClass,
  Secret,
  Service,
} from '../../kube/api.ts';
import { extendedResources } from '../../kube/extended-resources.ts';
import { podRangesOf } from '../../kube/pod-ranges.ts';
import type { ServiceLink } from '../../kube/service-env.ts';
import { objectVersion } from '../../protocol/digest.ts';
import type { DesiredObject } from '../../protocol/sync.ts';
import { omit } from '../omit.ts';
import { tolerationsAnnotation } from '../pod/plan-tolerations.ts';
import { isFinished } from '../report/desired-status.ts';
import { ownedFields } from '../report/plan-status-patch.ts';
import { sentVolume } from './sent-volume.ts';

/**
 * A pod as a site gets it: what says how to run it, and what a container can read of it. Left out is
 * what changes while it runs (status, versions) and what concerns only the scheduler and the taint
 * manager (tolerations): neither must cause a new delta.
 */
export function sentPod(pod: Pod): DesiredObject {
  const { metadata } = pod;
  return desiredObject('Pod', pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      uid: metadata.uid,
      generation: metadata.generation,
      labels: metadata.labels,
      annotations: withoutOurs(metadata.annotations),
      ownerReferences: metadata.ownerReferences,
      creationTimestamp: metadata.creationTimestamp,
      deletionTimestamp: metadata.deletionTimestamp,
      deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds,
    },
    spec: omit(pod.spec, 'tolerations'),
  });
}

/**
 * What a site that doesn't hold a pod is told of how it ended, for nothing on the device may say so any more;
 * `undefined` of one that isn't over. Conditions stay behind: what a site doesn't say of them stands.
 * Source: kubelet, UpdatePod in pod_workers.go, which starts no pod whose phase is final.
 */
export function sentEnd({ status = {} }: Pod): PodStatus | undefined {
  if (!isFinished(status)) return undefined;
  const said = ownedFields.filter((field) => status[field] !== undefined);
  return Object.fromEntries(said.map((field) => [field, status[field]]));
}

/** A ConfigMap as a site gets it. */
export function sentConfigMap(configMap: ConfigMap): DesiredObject {
  return desiredObject('ConfigMap', configMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: identityOf(configMap),
    data: configMap.data,
    binaryData: configMap.binaryData,
  });
}

/** A Secret as a site gets it. */
export function sentSecret(secret: Secret): DesiredObject {
  return desiredObject('Secret', secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: identityOf(secret),
    type: secret.type,
    data: secret.data,
  });
}

/** A RuntimeClass as a site gets it; what it costs and where it runs is in the pods already. */
export function sentRuntimeClass(runtimeClass: RuntimeClass): DesiredObject {
  return desiredObject('RuntimeClass', runtimeClass, {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: identityOf(runtimeClass),
    handler: runtimeClass.handler,
  });
}

/**
 * A Node as its site gets it: by what pods select it, where their addresses are to be from, and what it
 * has that the device doesn't know of.
 */
export function sentNode(node: Node): DesiredObject {
  const podCIDRs = podRangesOf(node);
  const allocatable = extendedResources(node.status?.allocatable);
  return desiredObject('Node', node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...identityOf(node), labels: node.metadata.labels },
    ...(podCIDRs.length === 0 ? {} : { spec: { podCIDRs } }),
    ...(Object.keys(allocatable).length === 0 ? {} : { status: { allocatable } }),
  });
}

/**
 * A claim as a site gets it, with the volume that it is bound to, once there is one. Sizes, classes
 * and what becomes of the volume later are no matter of a node.
 */
export function sentVolumeClaim(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume | undefined,
): DesiredObject {
  const { deletionTimestamp, finalizers, ownerReferences } = claim.metadata;
  return desiredObject('VolumeClaim', claim, {
    kind: 'VolumeClaim',
    metadata: { ...identityOf(claim), deletionTimestamp, finalizers, ownerReferences },
    spec: { volumeName: claim.spec?.volumeName },
    status: { phase: claim.status?.phase },
    volume: volume && sentVolume(volume),
  });
}

/** Certificates of ClusterTrustBundles, as a projection asks for them. It is no object of the cluster. */
export function sentTrustAnchors(name: string, certificates: string): DesiredObject {
  const metadata = { name, uid: name };
  return desiredObject(
    'TrustAnchors',
    { metadata },
    { kind: 'TrustAnchors', metadata, certificates },
  );
}

/** What environments say of some Services of a namespace. It is no object of the cluster. */
export function sentServiceLinks(
  namespace: string,
  name: string,
  services: readonly Service[],
): DesiredObject {
  const metadata = { name, namespace, uid: name };
  return desiredObject(
    'ServiceLinks',
    { metadata },
    {
      kind: 'ServiceLinks',
      metadata,
      services: services.map(linkOf),
    },
  );
}

function linkOf({ metadata, spec }: Service): ServiceLink {
  const { clusterIP = '', ports = [] } = spec ?? {};
  return {
    ...{ name: metadata.name, clusterIP },
    ports: ports.map(({ name, port, protocol }) => ({
      port,
      ...(name === undefined || name === '' ? {} : { name }),
      ...(protocol === undefined || protocol === 'TCP' ? {} : { protocol }),
    })),
  };
}

type Content = DesiredObject['object'];

function desiredObject(
  kind: DesiredObject['kind'],
  { metadata }: KubernetesObject,
  object: Content,
): DesiredObject {
  return {
    kind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    version: objectVersion(object),
    object,
  };
}

function identityOf({ metadata }: KubernetesObject): Content['metadata'] {
  return { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid };
}

function withoutOurs(
  annotations: Record<string, string> | undefined,
): Record<string, string> | undefined {
  if (annotations?.[tolerationsAnnotation] === undefined) return annotations;
  const others = omit(annotations, tolerationsAnnotation);
  return Object.keys(others).length === 0 ? undefined : others;
}
