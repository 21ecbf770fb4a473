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
  return total(spec, 'requests', resource) + overhead(spec, resource);
}

/** The same of its limits. Meaningless where a container has none; the overhead counts where there is a limit. */
export function podLimit(spec: PodSpec, resource: string): bigint {
  const limit = total(spec, 'limits', resource);
  return limit === 0n ? 0n : limit + overhead(spec, resource);
}

/** What the containers request of it, whatever the pod requests as a whole. */
export function containersRequest(spec: PodSpec, resource: string): bigint {
  return totalOfContainers(spec, 'requests', resource);
}

/** What the containers may have of it, whatever the pod may have as a whole. */
export function containersLimit(spec: PodSpec, resource: string): bigint {
  return totalOfContainers(spec, 'limits', resource);
}

type List = 'requests' | 'limits';

function total(spec: PodSpec, list: List, resource: string): bigint {
  const whole = spec.resources?.[list]?.[resource];
  return whole === undefined ? totalOfContainers(spec, list, resource) : parseQuantity(whole);
}

function totalOfContainers(spec: PodSpec, list: List, resource: string): bigint {
  const amountOf = ({ resources }: Container): bigint =>
    parseQuantity(resources?.[list]?.[resource] ?? '0');
  let beside = 0n;
  let highest = 0n;
  for (const container of spec.initContainers ?? []) {
    const own = amountOf(container);
    if (isSidecar(container)) beside += own;
    const now = isSidecar(container) ? beside : beside + own;
    if (now > highest) highest = now;
  }
  const running = spec.containers.reduce((sum, each) => sum + amountOf(each), beside);
  return running > highest ? running : highest;
}

function overhead(spec: PodSpec, resource: string): bigint {
  return parseQuantity(spec.overhead?.[resource] ?? '0');
}
