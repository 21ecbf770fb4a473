import type { Pod } from '../../kube/api.ts';
import type { Site, SiteSpec } from '../../kube/site.ts';

/** `status.reason` of a pod that a site must not have, and of the event about it. */
export const tenantForbidden = 'TenantForbidden';

/** In a Site's lists of namespaces: all of them. */
const anyNamespace = '*';

/**
 * Why a pod that is bound to a site's node must not get there; `undefined` when it may. A site is
 * its namespace's. Pods of another come only where its Site lists their namespace, or lists it for
 * DaemonSets and a DaemonSet made them. A pod that was refused once has failed, and stays away.
 *
 * Whoever may create pods in a namespace can write any owner into them. So an owner narrows what a
 * listed namespace may send, and never lets in a pod of a namespace that isn't listed.
 * @param site the Site of the node; without one no pod of another namespace may come.
 */
export function tenantRefusal(
  pod: Pod,
  { tenant, site }: { tenant: string; site: Site | undefined },
): string | undefined {
  const namespace = pod.metadata.namespace ?? '';
  if (namespace === tenant) return undefined;
  const { phase, reason, message } = pod.status ?? {};
  if (phase === 'Failed' && reason === tenantForbidden) return message ?? tenantForbidden;
  if (mayRun(pod, namespace, site?.spec ?? {})) return undefined;
  return (
    `The site belongs to namespace "${tenant}" and takes no pods of "${namespace}": ` +
    `list it in spec.allowedNamespaces of the Site, or, for DaemonSets, in spec.allowedDaemonSetNamespaces.`
  );
}

/** Whether any pod of a namespace may come to a site. */
export function mayHavePodsOf(
  namespace: string,
  { tenant, site }: { tenant: string; site: Site | undefined },
): boolean {
  const { allowedNamespaces, allowedDaemonSetNamespaces } = site?.spec ?? {};
  return (
    namespace === tenant ||
    lists(allowedNamespaces, namespace) ||
    lists(allowedDaemonSetNamespaces, namespace)
  );
}

/** Namespaces of the cluster itself begin so: no `*` means them. */
const systemPrefix = 'kube-';

/**
 * Whether a device's static pods are shown in a namespace: the tenant's own, unless its Site names others.
 * For a copy in the API draws what selects it by labels, and a device that may run pods of a namespace is not
 * thereby one that may make them there. A named one must be one whose pods the site takes all.
 */
export function showsStaticPodsIn(
  namespace: string,
  { tenant, site }: { tenant: string; site: Site | undefined },
): boolean {
  const { allowedNamespaces, staticPodNamespaces: named = [tenant] } = site?.spec ?? {};
  if (namespace !== tenant && !lists(allowedNamespaces, namespace)) return false;
  return namespace.startsWith(systemPrefix) ? named.includes(namespace) : lists(named, namespace);
}

function mayRun(pod: Pod, namespace: string, spec: SiteSpec): boolean {
  if (lists(spec.allowedNamespaces, namespace)) return true;
  return lists(spec.allowedDaemonSetNamespaces, namespace) && isOfDaemonSet(pod);
}

function lists(namespaces: readonly string[] | undefined, namespace: string): boolean {
  return namespaces?.some((listed) => listed === namespace || listed === anyNamespace) === true;
}

function isOfDaemonSet({ metadata }: Pod): boolean {
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  return controller?.kind === 'DaemonSet' && controller.apiVersion.startsWith('apps/');
}
