import type { Container, Pod } from './api.ts';
import { KubeRuleError } from './kube-rule-error.ts';
import { divideRoundingUp, parseQuantity } from './quantity.ts';

export interface ResourceFieldSelector {
  containerName?: string;
  resource: string;
  divisor?: string;
}

/**
 * Value of a `resourceFieldRef`: the container's request or limit divided by the divisor (1 when
 * absent or 0), rounded up. A limit that isn't set is the node's allocatable, a request that isn't
 * set is 0. `container` is the one asking, for a selector that names none.
 * @throws KubeRuleError `UNSUPPORTED_RESOURCE`, `INVALID_QUANTITY`
 * Source: kubelet, defaultPodLimitsForDownwardAPI; pkg/api/v1/resource.
 */
export function resourceFieldValue(
  pod: Pod,
  container: Container | undefined,
  selector: ResourceFieldSelector,
  allocatable: Record<string, string>,
): string {
  const owner = selector.containerName ? containerNamed(pod, selector.containerName) : container;
  if (owner === undefined) {
    throw new KubeRuleError(
      'UNSUPPORTED_RESOURCE',
      `container ${selector.containerName ?? ''} not found`,
    );
  }
  const quantity = parseQuantity(quantityOf(pod, owner, selector.resource, allocatable));
  const divisor = parseQuantity(selector.divisor ?? '1');
  return divide(quantity, divisor === 0n ? parseQuantity('1') : divisor, selector.resource);
}

function containerNamed(pod: Pod, name: string): Container | undefined {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((c) => c.name === name);
}

function quantityOf(
  pod: Pod,
  container: Container,
  selected: string,
  allocatable: Record<string, string>,
): string {
  const [, list = '', resource = ''] = /^(limits|requests)\.(.+)$/.exec(selected) ?? [];
  const known = ['cpu', 'memory', 'ephemeral-storage'].includes(resource);
  if (!known && !resource.startsWith('hugepages-')) {
    throw new KubeRuleError('UNSUPPORTED_RESOURCE', `unsupported container resource : ${selected}`);
  }
  if (list === 'requests') return container.resources?.requests?.[resource] ?? '0';
  const limit = container.resources?.limits?.[resource] ?? pod.spec.resources?.limits?.[resource];
  const unset = limit === undefined || parseQuantity(limit) === 0n;
  return unset && known ? (allocatable[resource] ?? '0') : (limit ?? '0');
}

/** CPU is divided in thousandths, everything else in whole units, before rounding up. */
function divide(quantity: bigint, divisor: bigint, selected: string): string {
  const step = selected.endsWith('.cpu') ? 1_000_000n : 1_000_000_000n;
  return String(
    divideRoundingUp(divideRoundingUp(quantity, step), divideRoundingUp(divisor, step)),
  );
}
