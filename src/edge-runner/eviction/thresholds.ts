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

/** Pods are evicted when less than this is left: a number (bytes, inodes, processes), or a share of all. */
export interface Threshold {
  readonly signal: Signal;
  readonly limit: { readonly count: number } | { readonly percent: number };
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
    const limit = rest.length === 0 ? parseLimit(value) : undefined;
    if (limit === undefined) return `"${value}" is neither a quantity nor a percentage`;
    thresholds.push({ signal, limit });
  }
  return thresholds;
}

/** The smallest amount, of so much in all, that is not under the threshold. */
export function limitOf({ limit }: Threshold, capacity: number): number {
  return 'count' in limit ? limit.count : Math.floor((capacity * limit.percent) / 100);
}

/** As it stands in `--eviction-hard`. */
export function formatLimit({ limit }: Threshold, format: (count: number) => string): string {
  return 'count' in limit ? format(limit.count) : `${limit.percent}%`;
}

function parseLimit(text: string): Threshold['limit'] | undefined {
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
