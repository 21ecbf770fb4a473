import { isIP } from 'node:net';
import { bridgeName } from './cni-config.ts';
import { isPodCidr, range4 } from './cidr.ts';
import { routesIn } from './routes.ts';

/** The device, as far as its pods' addresses matter. */
export interface RangeSurroundings {
  /** Text of `/proc/net/route`. */
  readonly routes: string;
  /** The device's own addresses. */
  readonly addresses: readonly string[];
  /** Whether a bridge can have IPv6 addresses, and what they send be masqueraded. */
  readonly hasIpv6: boolean;
}

/** Ranges to use, or why none can be. */
export type UsableRanges = { cidrs: string[] } | { problem: string };

/**
 * The ranges that a cluster gave a Node, as far as this device can use them: one of each family, IPv6
 * only where the device has it. None that would take the device itself off its network: no range that has an
 * address of its own in it, a gateway, or the whole of a network that it is on.
 */
export function usableRanges(
  ranges: readonly string[],
  surroundings: RangeSurroundings,
): UsableRanges {
  const wrong = ranges.find((range) => !isPodCidr(range) || hasHostBits(range));
  if (wrong !== undefined) return { problem: `"${wrong}" is no range such as 10.1.2.0/24` };
  const ipv4 = ranges.find((range) => !range.includes(':'));
  const ipv6 = surroundings.hasIpv6 ? ranges.find((range) => range.includes(':')) : undefined;
  if (ipv4 !== undefined && cutsOff(ipv4, surroundings)) {
    return { problem: `${ipv4} is where the device itself or a network of its own is` };
  }
  const cidrs = ranges.filter((range) => range === ipv4 || range === ipv6);
  return cidrs.length > 0 ? { cidrs } : { problem: 'the device has no IPv6' };
}

/** Whether pods with addresses of a range would take the device off a network that it is on. */
export function cutsOff(cidr: string, { routes, addresses }: RangeSurroundings): boolean {
  if (!isPodCidr(cidr) || cidr.includes(':')) return false;
  const range = range4(cidr);
  const others = routesIn(routes).filter(({ device }) => device !== bridgeName);
  const own = addresses.filter((address) => isIP(address) === 4).map((a) => range4(`${a}/32`));
  const gateways = others.map(({ gateway }) => ({ first: gateway, last: gateway }));
  const networks = others.filter(({ isDefault }) => !isDefault).map(({ range: to }) => to);
  return [...own, ...gateways, ...networks].some(
    ({ first, last }) => range.first <= first && last <= range.last,
  );
}

/** Of IPv4 alone, for the API server writes IPv6 in more than one way. `host-local` takes none. */
function hasHostBits(range: string): boolean {
  const [address = ''] = range.split('/');
  return isIP(address) === 4 && range4(range).first !== range4(`${address}/32`).first;
}
