import type { Condition, KubernetesObject, Taint } from './api.ts';

/** A `sites.towline.dev/v1alpha1` object: an edge location. Its namespace is its tenant. */
export interface Site extends KubernetesObject {
  spec?: SiteSpec;
  status?: SiteStatus;
}

export interface SiteSpec {
  /** Labels for the node, besides those every node has. */
  nodeLabels?: Record<string, string>;
  /** Taints for the node; absent means `towline.dev/site=<site>:NoSchedule`, `[]` means none. */
  taints?: Taint[];
  disconnection?: {
    policy?: 'Keep' | 'Evict';
    /** Go duration, as in `1h30m`; only with `Evict`. */
    evictAfter?: string;
  };
  /** Namespaces besides the site's own whose pods it takes; `*` means all. */
  allowedNamespaces?: string[];
  /** Namespaces whose DaemonSets' pods it takes besides those; `*` means all. */
  allowedDaemonSetNamespaces?: string[];
  /** Namespaces in which the device's static pods are shown, of those it takes pods of; its own when absent. */
  staticPodNamespaces?: string[];
  /** The newest join token: `sha256:<hex>` of it, and when it ends (RFC 3339). */
  join?: { tokenHash: string; expiresAt: string };
  /** The key that is no longer let in, `sha256:<hex>`, or `*` for every key. */
  revokedKey?: string;
}

export interface SiteStatus {
  /** `Joined` and `Connected`. */
  conditions?: Condition[];
  nodeName?: string;
  lastSeen?: string;
  runnerVersion?: string;
  /** Addresses of the device itself. */
  addresses?: string[];
  /** Port of this node's kubelet API at the provider; kept over restarts. */
  kubeletPort?: number;
  /** `sha256:<hex>` of the SubjectPublicKeyInfo with which the site last joined. */
  publicKeyHash?: string;
  /** `sha256:<hex>` of the token with which it did. */
  redeemedTokenHash?: string;
  /** `sha256:<hex>` of the CA key that its certificate is from, once its device is known to trust that. */
  caHash?: string;
}

export const siteApi = { group: 'towline.dev', version: 'v1alpha1', plural: 'sites' } as const;

/** Finalizer of a Site that has been connected: its device is to stop its pods before the Site goes. */
export const siteFinalizer = 'towline.dev/site';

/** Taint of the Node of a Site that is being deleted: Kubernetes evicts what doesn't tolerate it. */
export const leavingTaint: Taint = { key: 'towline.dev/leaving', effect: 'NoExecute' };

/** Whether a Site is being deleted and its device has not stopped its pods yet. */
export function isLeaving({ metadata }: Site): boolean {
  const finalizers = metadata.finalizers ?? [];
  return metadata.deletionTimestamp !== undefined && finalizers.includes(siteFinalizer);
}

/** Whether a Site says that a key must not be let in, whoever had it. `publicKeyHash`: `sha256:<hex>`. */
export function isRevoked(site: Site, publicKeyHash: string): boolean {
  const revoked = site.spec?.revokedKey;
  return revoked === '*' || revoked === publicKeyHash;
}

/** Label on a site's Node, and key of its default taint. */
export const siteLabel = 'towline.dev/site';

/** Label on a site's Node with the site's namespace. */
export const tenantLabel = 'towline.dev/tenant';

/** Name of the Node that stands for a site. */
export function nodeNameOf(site: { name: string; tenant: string }): string {
  return `${site.name}.${site.tenant}`;
}

/** SPIFFE ID of a site: the URI SAN of its certificate. */
export function spiffeIdOf(trustDomain: string, site: { name: string; tenant: string }): string {
  return `spiffe://${trustDomain}/tenant/${site.tenant}/site/${site.name}`;
}
