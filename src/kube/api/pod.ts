import type { Container, EphemeralContainer, ResourceRequirements } from './container.ts';
import type { KubernetesObject } from './meta.ts';
import type { PodStatus } from './pod-status.ts';
import type { PodSecurityContext } from './security-context.ts';
import type { Volume } from './volume.ts';

export interface Pod extends KubernetesObject {
  spec: PodSpec;
  status?: PodStatus;
}

export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  ephemeralContainers?: EphemeralContainer[];
  volumes?: Volume[];
  nodeName?: string;
  hostname?: string;
  subdomain?: string;
  setHostnameAsFQDN?: boolean;
  hostnameOverride?: string;
  nodeSelector?: Record<string, string>;
  affinity?: {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: NodeSelectorTerm[] };
    };
  };
  os?: { name?: string };
  /** What the pod's runtime needs besides its containers, from the RuntimeClass. */
  overhead?: Record<string, string>;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostUsers?: boolean;
  hostIPC?: boolean;
  shareProcessNamespace?: boolean;
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  terminationGracePeriodSeconds?: number;
  activeDeadlineSeconds?: number;
  /** Absent is true. */
  enableServiceLinks?: boolean;
  dnsPolicy?: string;
  dnsConfig?: PodDnsConfig;
  hostAliases?: HostAlias[];
  readinessGates?: { conditionType: string }[];
  /** Of the pod as a whole, where the API has it. */
  resources?: ResourceRequirements;
  imagePullSecrets?: { name?: string }[];
  priority?: number;
  priorityClassName?: string;
  runtimeClassName?: string;
  tolerations?: Toleration[];
  securityContext?: PodSecurityContext;
}

export interface NodeSelectorTerm {
  matchExpressions?: NodeSelectorRequirement[];
  matchFields?: NodeSelectorRequirement[];
}

export interface NodeSelectorRequirement {
  key: string;
  operator: string;
  values?: string[];
}

export interface PodDnsConfig {
  nameservers?: string[];
  searches?: string[];
  options?: { name?: string; value?: string }[];
}

export interface HostAlias {
  ip: string;
  hostnames?: string[];
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}
