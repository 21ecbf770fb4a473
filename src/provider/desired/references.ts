import type { Container, Pod, Volume } from '../../kube/api.ts';
import { claimNameOf } from '../../kube/claim-name.ts';
import { trustAnchorsName } from '../../kube/trust-anchors.ts';
import type { DesiredKind } from '../../protocol/sync.ts';

/** An object that a pod needs. `namespace` is '' where the kind has none. */
export interface Reference {
  kind: Exclude<DesiredKind, 'Pod'>;
  namespace: string;
  name: string;
}

/** Name of the ServiceLinks of all Services of a namespace. */
export const allServices = 'services';

/** The Service of the API server, to which every pod's environment leads. */
export const masterService = { namespace: 'default', name: 'kubernetes' };

/** Everything that a pod names, and what its environment says, each once. The pod must be well-formed. */
export function referencesOf(pod: Pod): Reference[] {
  const namespace = pod.metadata.namespace ?? '';
  const { initContainers, containers, ephemeralContainers } = pod.spec;
  const names = [
    ...(pod.spec.volumes ?? []).flatMap(ofVolume),
    ...(pod.spec.volumes ?? []).map((volume) => named('VolumeClaim', claimNameOf(pod, volume))),
    ...[initContainers, containers, ephemeralContainers]
      .flatMap((list) => list ?? [])
      .flatMap(ofContainer),
    ...(pod.spec.imagePullSecrets ?? []).map((secret) => named('Secret', secret.name)),
  ];
  const references = new Map<string, Reference>();
  for (const { kind, name } of names) {
    if (name === undefined || name === '') continue;
    references.set(`${kind}/${name}`, { kind, namespace, name });
  }
  const anchors = new Set((pod.spec.volumes ?? []).flatMap(trustAnchorsOf));
  const { enableServiceLinks, runtimeClassName } = pod.spec;
  const kind = 'ServiceLinks' as const;
  return [
    ...references.values(),
    { kind, ...masterService },
    ...(enableServiceLinks === false ? [] : [{ kind, namespace, name: allServices }]),
    ...Array.from(anchors, (name) => ({ kind: 'TrustAnchors' as const, namespace: '', name })),
    ...(runtimeClassName
      ? [{ kind: 'RuntimeClass' as const, namespace: '', name: runtimeClassName }]
      : []),
  ];
}

interface Named {
  kind: 'ConfigMap' | 'Secret' | 'VolumeClaim';
  name: string | undefined;
}

function named(kind: Named['kind'], name: string | null | undefined): Named {
  return { kind, name: name ?? undefined };
}

function trustAnchorsOf({ projected }: Volume): string[] {
  return (projected?.sources ?? [])
    .map(({ clusterTrustBundle }) => clusterTrustBundle && trustAnchorsName(clusterTrustBundle))
    .filter((name) => name !== undefined);
}

function ofVolume(volume: Volume): Named[] {
  return [
    named('ConfigMap', volume.configMap?.name),
    named('Secret', volume.secret?.secretName),
    ...(volume.projected?.sources ?? []).flatMap((source) => [
      named('ConfigMap', source.configMap?.name),
      named('Secret', source.secret?.name),
    ]),
  ];
}

function ofContainer(container: Container): Named[] {
  return [
    ...(container.env ?? []).flatMap(({ valueFrom }) => [
      named('ConfigMap', valueFrom?.configMapKeyRef?.name),
      named('Secret', valueFrom?.secretKeyRef?.name),
    ]),
    ...(container.envFrom ?? []).flatMap((source) => [
      named('ConfigMap', source.configMapRef?.name),
      named('Secret', source.secretRef?.name),
    ]),
  ];
}
