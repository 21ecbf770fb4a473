import type { Container, PodSpec } from './api.ts';
import { isSidecar } from './container-status.ts';
import { parseQuantity } from './quantity.ts';

/**
 * What a pod requests of a resource altogether, in nano units: all its containers and sidecars at
 * once, or the init container that needs more together with the sidecars before it; with what its
 * runtime needs besides. Where the pod itself has a request, it counts instead of its containers'.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: k8s.io/component-helpers/resource, PodRequests.
 */
export function podRequest(spec: PodSpec, resource: string): bigint {
  const whole = spec.resources?.requests?.[resource];
  const requested = whole === undefined ? containersRequest(spec, resource) : parseQuantity(whole);
  return requested + parseQuantity(spec.overhead?.[resource] ?? '0');
}

function containersRequest(spec: PodSpec, resource: string): bigint {
  let beside = 0n;
  let highest = 0n;
  for (const container of spec.initContainers ?? []) {
    const own = requestOf(container, resource);
    if (isSidecar(container)) beside += own;
    const now = isSidecar(container) ? beside : beside + own;
    if (now > highest) highest = now;
  }
  const running = spec.containers.reduce((sum, each) => sum + requestOf(each, resource), beside);
  return running > highest ? running : highest;
}

function requestOf({ resources }: Container, resource: string): bigint {
  return parseQuantity(resources?.requests?.[resource] ?? '0');
}
