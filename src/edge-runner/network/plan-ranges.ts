import { harmOf, usableRanges, type RangeSurroundings } from './node-ranges.ts';
import { routes6In, routesIn } from './routes.ts';

interface RangeRequest {
  /** What the Node says; not checked. */
  readonly nodeRanges: readonly string[];
  /** Those that are configured; undefined where none are. */
  readonly before: readonly string[] | undefined;
  /** Those of the device's own choice. */
  readonly chosen: readonly string[];
  readonly surroundings: RangeSurroundings;
}

/** What to do about the ranges of a pod network of which no person says them. */
export interface RangePlan {
  /** Ranges to have; undefined keeps what there is. */
  readonly cidrs?: readonly string[] | undefined;
  /** Why that isn't what the Node says. */
  readonly note?: string;
  /** The same question can have another answer later. */
  readonly isOpen?: true;
}

/**
 * Which ranges the pod network is to have: those of the Node, else those that
 * there are, else some of the device's own choice. What would take the device off its network is
 * neither taken over nor kept. Whether a range would is seen only while the device's own network is up:
 * until then what there is stays. On a device that has IPv6 alone that is so of the Node's IPv4 range.
 */
export function planRanges(request: RangeRequest): RangePlan {
  const { nodeRanges, before, chosen, surroundings } = request;
  const canJudge = judgeable(surroundings);
  const isHarmful = before?.some(
    (range) => canJudge(range) && harmOf(range, surroundings) !== undefined,
  );
  const cidrs = before === undefined || isHarmful === true ? chosen : undefined;
  if (nodeRanges.length === 0) return { cidrs };
  const judged = nodeRanges.filter(canJudge);
  const isPart = judged.length < nodeRanges.length;
  if (judged.length === 0 || (isPart && !surroundings.hasIpv6)) {
    return later(request, cidrs, 'an address');
  }
  const usable = usableRanges(judged, surroundings);
  if ('problem' in usable) {
    return {
      cidrs,
      note: `can't be ${nodeRanges.join(', ')}, as the Node says: ${usable.problem}`,
    };
  }
  if (!isPart) return { cidrs: usable.cidrs };
  const others = (cidrs ?? before ?? []).filter((range) => !canJudge(range));
  const isFirst = canJudge(nodeRanges[0] ?? '');
  const both = isFirst ? [...usable.cidrs, ...others] : [...others, ...usable.cidrs];
  return later(request, both, 'an IPv4 address');
}

/** `missing`: what the device has not got yet. */
function later(
  { nodeRanges, before }: RangeRequest,
  cidrs: readonly string[] | undefined,
  missing: string,
): RangePlan {
  if (String(nodeRanges) === String(cidrs ?? before)) return { cidrs, isOpen: true };
  const note = `will be ${nodeRanges.join(', ')} once the device has ${missing} and a default route`;
  return { cidrs, note, isOpen: true };
}

/**
 * Of which ranges it can be told whether they are in the device's way: of all while it is on its own
 * network by IPv4, with an address and a default route; of those of IPv6 while it is by that. Before
 * that nothing tells which networks it is on.
 */
function judgeable({ networks, routes, routes6 }: RangeSurroundings): (range: string) => boolean {
  const isDefault = (route: { readonly isDefault: boolean }): boolean => route.isDefault;
  const byIpv4 = networks.some((network) => !isIpv6(network)) && routesIn(routes).some(isDefault);
  const byIpv6 = networks.some(isIpv6) && routes6In(routes6).some(isDefault);
  return (range) => byIpv4 || (byIpv6 && isIpv6(range));
}

function isIpv6(range: string): boolean {
  return range.includes(':');
}
