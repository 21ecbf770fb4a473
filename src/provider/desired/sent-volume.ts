import type { PersistentVolume, PersistentVolumeClaim } from '../../kube/api.ts';
import { mountOptionsAnnotation } from '../../kube/mount-options.ts';

/**
 * Whether a PersistentVolume says itself that it is a claim's. The name in the claim proves nothing: whoever
 * made the claim may have written it.
 */
export function isBoundTo(
  { metadata }: PersistentVolumeClaim,
  { spec }: PersistentVolume,
): boolean {
  const { namespace, name, uid } = spec?.claimRef ?? {};
  return (
    uid !== undefined &&
    uid === metadata.uid &&
    name === metadata.name &&
    namespace === metadata.namespace
  );
}

/**
 * A PersistentVolume as the site of its claim gets it: where the kinds that a runner mounts are, and how. Of
 * any other kind only the name goes, by which the runner refuses it: its fields lead into a storage system
 * and to that system's credentials.
 */
export function sentVolume({ metadata, spec = {} }: PersistentVolume): object {
  const { accessModes, volumeMode, claimRef, nodeAffinity, hostPath, local, nfs } = spec;
  const isMounted = Boolean(hostPath ?? local ?? nfs);
  const { mountOptions } = isMounted ? spec : {};
  const annotations = isMounted ? mountAnnotations(metadata.annotations) : undefined;
  return {
    metadata: { name: metadata.name, annotations },
    spec: {
      ...{ accessModes, volumeMode, mountOptions, nodeAffinity },
      claimRef: claimRef && { uid: claimRef.uid },
      ...otherKinds(spec),
      hostPath: hostPath && { path: hostPath.path, type: hostPath.type },
      local: local && { path: local.path, fsType: local.fsType },
      nfs: nfs && { server: nfs.server, path: nfs.path, readOnly: nfs.readOnly },
    },
  };
}

/** Fields of the spec that are no kind of volume, and the kinds that are sent with their fields. */
const known = new Set([
  ...['capacity', 'accessModes', 'claimRef', 'persistentVolumeReclaimPolicy', 'storageClassName'],
  ...['mountOptions', 'volumeMode', 'nodeAffinity', 'volumeAttributesClassName'],
  ...['hostPath', 'local', 'nfs'],
]);

function otherKinds(spec: object): Record<string, object> {
  const kinds = Object.keys(spec).filter((field) => !known.has(field));
  return Object.fromEntries(kinds.map((kind) => [kind, {}]));
}

/** Of a volume's annotations, those that a node reads. */
function mountAnnotations(
  annotations: Record<string, string> = {},
): Record<string, string> | undefined {
  const options = annotations[mountOptionsAnnotation];
  return options === undefined ? undefined : { [mountOptionsAnnotation]: options };
}
