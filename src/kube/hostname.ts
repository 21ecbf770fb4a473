import type { Pod } from './api.ts';
import { KubeRuleError } from './kube-rule-error.ts';

/**
 * The name a pod has for itself, cut to 63 characters, and its domain, which is empty unless the pod
 * asks for a `subdomain`. A `hostnameOverride` has no domain.
 * Source: kubelet, GeneratePodHostNameAndDomain.
 */
export function podHostname(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const { hostname = '', subdomain = '', hostnameOverride = '' } = pod.spec;
  if (hostnameOverride !== '') return { hostname: cut(hostnameOverride), domain: '' };
  return {
    hostname: cut(hostname === '' ? pod.metadata.name : hostname),
    domain:
      subdomain === '' ? '' : `${subdomain}.${pod.metadata.namespace ?? ''}.svc.${clusterDomain}`,
  };
}

function cut(name: string): string {
  return name.length <= maxLength ? name : name.slice(0, maxLength).replace(/[-.]+$/, '');
}

/**
 * The name that the kernel is given: with `setHostnameAsFQDN` the full one.
 * @throws KubeRuleError `CONFIG_ERROR` when that is longer than the kernel's 64 characters.
 * Source: kubelet, GeneratePodHostNameAndDomain and truncation in util.GetNodenameForKernel.
 */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const { hostname, domain } = podHostname(pod, clusterDomain);
  if (pod.spec.setHostnameAsFQDN !== true || domain === '') return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length <= maxKernelLength) return full;
  throw new KubeRuleError(
    'CONFIG_ERROR',
    `Failed to construct FQDN from Pod hostname and cluster domain, FQDN ${full} is too long (${maxKernelLength} characters is the max, ${full.length} characters requested)`,
  );
}

const maxLength = 63;
const maxKernelLength = 64;
