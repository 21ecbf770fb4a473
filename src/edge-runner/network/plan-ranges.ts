import { routesIn } from './routes.ts';
import { harmOf, usableRanges, type RangeSurroundings } from './node-ranges.ts';

interface RangeRequest {
  /** What the Node says; not checked. */
  readonly nodeRanges: readonly string[];
  /** Those that are configured; undefined where none are. */
  readonly before: readonly string[] | undefined;
  readonly surroundings: RangeSurroundings;
}

/** What to do about the ranges of a pod network of which no person says them. */
export interface RangePlan {
  /** Ranges to have, `choose` for those of the device's own choice; undefined keeps what there is. */
  readonly cidrs?: readonly string[] | 'choose' | undefined;
  /** Why that isn't what the Node says. */
  readonly note?: string;
  /** The same question can have another answer later. */
  readonly isOpen?: true;
}

/**
 * Which ranges the pod network is to have: those of the Node, else those that
 * there are, else some of the device's own choice. What would take the device off its network is
 * neither taken over nor kept. Whether a range would is seen only while the device's own network is up:
 * until then what there is stays.
 */
export function planRanges(request: RangeRequest): RangePlan {
  const { nodeRanges, before, surroundings } = request;
  const fallback = before === undefined ? ('choose' as const) : undefined;
  if (!isUp(surroundings)) {
    if (nodeRanges.length === 0) return { cidrs: fallback };
    if (String(nodeRanges) === String(before)) return { isOpen: true };
    const note = `will be ${nodeRanges.join(', ')} once the device has an address and a default route`;
    return { cidrs: fallback, note, isOpen: true };
  }
  const isHarmful = before?.some((range) => harmOf(range, surroundings) !== undefined) === true;
  const cidrs = isHarmful ? 'choose' : fallback;
  if (nodeRanges.length === 0) return { cidrs };
  const usable = usableRanges(nodeRanges, surroundings);
  if ('cidrs' in usable) return { cidrs: usable.cidrs };
  return {
    cidrs,
    note: `can't be ${nodeRanges.join(', ')}, as the Node says: ${usable.problem}`,
  };
}

/**
 * Whether the device is on its own network: an address and a default route, by IPv4, for that is what
 * a range of pods can be confused with. Before that nothing tells which networks it is on.
 */
function isUp({ networks, routes }: RangeSurroundings): boolean {
  const hasRoute = routesIn(routes).some(({ isDefault }) => isDefault);
  return hasRoute && networks.some((network) => !network.includes(':'));
}
