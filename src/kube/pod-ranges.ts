import type { Node } from './api.ts';

/**
 * The ranges of addresses that a cluster has given a Node for its pods, none where it gives none; of
 * any other form, as a store or a peer may have it, nothing is taken. Never throws.
 * Source: NodeSpec of the API; `podCIDR` is the first of `podCIDRs`.
 */
export function podRangesOf({ spec }: Pick<Node, 'spec'>): string[] {
  const { podCIDR, podCIDRs }: { podCIDR?: unknown; podCIDRs?: unknown } = spec ?? {};
  const ranges = Array.isArray(podCIDRs)
    ? podCIDRs.filter((range) => typeof range === 'string')
    : [];
  if (ranges.length > 0) return ranges;
  return typeof podCIDR === 'string' && podCIDR !== '' ? [podCIDR] : [];
}
