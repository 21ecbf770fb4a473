/**
 * Fields by which a pod's spec leads to another object of the API, and the kind of object. Source:
 * Kubernetes, pkg/api/pod, HasAPIObjectReference, by which a mirror pod is refused.
 */
const referringFields: Readonly<Record<string, string>> = {
  serviceAccountName: 'serviceaccounts',
  serviceAccount: 'serviceaccounts',
  serviceAccountToken: 'serviceaccounts',
  imagePullSecrets: 'secrets',
  secret: 'secrets',
  secretName: 'secrets',
  secretRef: 'secrets',
  secretKeyRef: 'secrets',
  nodePublishSecretRef: 'secrets',
  azureFile: 'secrets',
  scaleIO: 'secrets',
  configMap: 'configmaps',
  configMapRef: 'configmaps',
  configMapKeyRef: 'configmaps',
  persistentVolumeClaim: 'persistentvolumeclaims',
  ephemeral: 'persistentvolumeclaims',
  csi: 'csidrivers',
  storageos: 'persistentvolumes',
  glusterfs: 'endpoints',
  resourceClaims: 'resourceclaims',
  clusterTrustBundle: 'clustertrustbundles',
  podCertificate: 'podcertificaterequests',
};

/**
 * The kind of an object of the API that a pod's spec leads to, at any depth; `undefined` when there is
 * none. Whatever form the spec has: a field of that name that has something in it counts, wherever it is.
 */
export function apiReferenceOf(spec: unknown): string | undefined {
  if (typeof spec !== 'object' || spec === null) return undefined;
  for (const [name, value] of Object.entries(spec)) {
    const kind = Object.hasOwn(referringFields, name) ? referringFields[name] : undefined;
    if (kind !== undefined && !isNothing(value)) return kind;
    const deeper = apiReferenceOf(value);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

/** What the API server takes for a field that isn't there. */
function isNothing(value: unknown): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}
