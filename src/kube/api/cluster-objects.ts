import type { KubernetesObject, ObjectMeta } from './meta.ts';

export interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>;
  /** Values in base64. */
  binaryData?: Record<string, string>;
}

export interface Secret extends KubernetesObject {
  type?: string;
  /** Values in base64. */
  data?: Record<string, string>;
}

export interface Service extends KubernetesObject {
  spec?: {
    clusterIP?: string;
    ports?: { name?: string; port: number; protocol?: string }[];
  };
}

/** Of `node.k8s.io`: which of a runtime's handlers runs a pod. */
export interface RuntimeClass extends KubernetesObject {
  handler: string;
}

export interface ClusterTrustBundle {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: { signerName?: string; trustBundle?: string };
}
