import type { Node } from './api.ts';

/**
 * The ranges of addresses that a cluster has given a Node for its pods, none where it gives none.
 * Source: NodeSpec of the API; `podCIDR` is the first of `podCIDRs`.
 */
export function podRangesOf({ spec }: Pick<Node, 'spec'>): string[] {
  const { podCIDR = '', podCIDRs = [] } = spec ?? {};
  return podCIDRs.length > 0 || podCIDR === '' ? podCIDRs : [podCIDR];
}
