import type { Container, Pod, Volume } from '../../kube/api.ts';

/** An object that a pod names. */
export interface Reference {
  kind: 'ConfigMap' | 'Secret';
  namespace: string;
  name: string;
}

/** Every ConfigMap and Secret that a pod names, each once. The pod must be well-formed. */
export function referencesOf(pod: Pod): Reference[] {
  const namespace = pod.metadata.namespace ?? '';
  const { initContainers, containers, ephemeralContainers } = pod.spec;
  const names = [
    ...(pod.spec.volumes ?? []).flatMap(ofVolume),
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
  return [...references.values()];
}

interface Named {
  kind: Reference['kind'];
  name: string | undefined;
}

function named(kind: Reference['kind'], name: string | null | undefined): Named {
  return { kind, name: name ?? undefined };
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
