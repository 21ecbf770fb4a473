import type { Pod } from './api.ts';

/**
 * The name a pod has for itself, cut to 63 characters, and its domain, which is empty unless the pod
 * asks for a `subdomain`.
 * Source: kubelet, GeneratePodHostNameAndDomain.
 */
export function podHostname(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const { hostname, subdomain } = pod.spec;
  const name = hostname === undefined || hostname === '' ? pod.metadata.name : hostname;
  return {
    hostname: name.length <= maxLength ? name : name.slice(0, maxLength).replace(/[-.]+$/, ''),
    domain:
      subdomain === undefined || subdomain === ''
        ? ''
        : `${subdomain}.${pod.metadata.namespace ?? ''}.svc.${clusterDomain}`,
  };
}

const maxLength = 63;
