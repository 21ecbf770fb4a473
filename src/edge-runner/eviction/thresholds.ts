import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { parseQuantity, quantityToBytes } from '../../kube/quantity.ts';

/** What a kubelet watches, by its names. */
export const signals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
] as const;
export type Signal = (typeof signals)[number];

/** A number (bytes, inodes, processes), or a share of all. */
export type Amount = { readonly count: number } | { readonly percent: number };

/** Pods are evicted when less than this is left. */
export interface Threshold {
  readonly signal: Signal;
  readonly limit: Amount;
  /** A soft threshold: how long it must have been crossed without a break before a pod goes. */
  readonly graceMs?: number;
  /** Once crossed, it is so until this much more than the limit is left. */
  readonly minReclaim?: Amount;
}

/** A kubelet's defaults for `--eviction-hard` on Linux. */
export const defaultEvictionHard =
  'memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%';

/**
 * Thresholds as in `--eviction-hard`: `memory.available<100Mi,nodefs.available<10%`; '' for none.
 * Returns a phrase that says what is wrong with the text.
 * Source: kubelet, pkg/kubelet/eviction/helpers.go, ParseThresholdConfig.
 */
export function parseThresholds(text: string): Threshold[] | string {
  const thresholds: Threshold[] = [];
  for (const part of text === '' ? [] : text.split(',')) {
    const [name = '', value = '', ...rest] = part.split('<').map((each) => each.trim());
    const signal = signals.find((each) => each === name);
    if (signal === undefined) return `"${name}" is none of ${signals.join(', ')}`;
    if (thresholds.some((each) => each.signal === signal)) return `${signal} comes twice`;
    const limit = rest.length === 0 ? parseAmount(value) : undefined;
    if (limit === undefined) return `"${value}" is neither a quantity nor a percentage`;
    thresholds.push({ signal, limit });
  }
  return thresholds;
}

/** The smallest amount, of so much in all, that is not under the threshold. */
export function limitOf({ limit }: Threshold, capacity: number): number {
  return amountOf(limit, capacity);
}

/** The smallest amount by which a threshold that was crossed is so no longer. */
export function resolvedAt(threshold: Threshold, capacity: number): number {
  const { minReclaim } = threshold;
  const more = minReclaim === undefined ? 0 : amountOf(minReclaim, capacity);
  return limitOf(threshold, capacity) + more;
}

function amountOf(amount: Amount, capacity: number): number {
  return 'count' in amount ? amount.count : Math.floor((capacity * amount.percent) / 100);
}

/** As it stands in `--eviction-hard`. */
export function formatAmount(amount: Amount, format: (count: number) => string): string {
  return 'count' in amount ? format(amount.count) : `${amount.percent}%`;
}

/** A quantity above zero, or a percentage between 0 and 100; undefined when it is neither. */
export function parseAmount(text: string): Amount | undefined {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined) {
    return Number(percent) > 0 && Number(percent) < 100 ? { percent: Number(percent) } : undefined;
  }
  try {
    return parseQuantity(text) > 0n ? { count: quantityToBytes(text) } : undefined;
  } catch (error) {
    if (error instanceof KubeRuleError) return undefined;
    throw error;
  }
}
