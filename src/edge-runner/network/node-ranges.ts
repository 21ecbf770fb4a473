import { isIP } from 'node:net';
import { bridgeName } from './cni-config.ts';
import { addressIn, contains, covers, intersect, isPodCidr, range4 } from './cidr.ts';
import { routes6In, routesIn } from './routes.ts';

/** The networks that a device is on. */
export interface DeviceNetworks {
  /** Text of `/proc/net/route`. */
  readonly routes: string;
  /** Text of `/proc/net/ipv6_route`. */
  readonly routes6: string;
  /** The device's own addresses with the length of their network's prefix: `192.168.7.2/24`. */
  readonly networks: readonly string[];
  /** Addresses that the device must reach, wherever they are. */
  readonly needed: readonly string[];
}

/** The device, as far as its pods' addresses matter. */
export interface RangeSurroundings extends DeviceNetworks {
  /** Whether a bridge can have IPv6 addresses, and what they send be masqueraded. */
  readonly hasIpv6: boolean;
}

/** Ranges to use, or why none can be. */
export type UsableRanges = { cidrs: string[] } | { problem: string };

/**
 * Addresses that no host of a network has: "this network", loopback, link-local, multicast and
 * reserved ones; of IPv6 also those that stand for IPv4 ones. Source: RFC 6890, RFC 4291.
 */
const special = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ...['::/8', 'fe80::/10', 'ff00::/8'],
];

/**
 * The ranges that a cluster gave a Node, as far as this device can use them: one of each family, IPv6
 * only where the device has it; none that would take the device itself off its network.
 */
export function usableRanges(
  ranges: readonly string[],
  surroundings: RangeSurroundings,
): UsableRanges {
  const wrong = ranges.find((range) => !isPodCidr(range) || hasHostBits(range));
  if (wrong !== undefined) return { problem: `"${wrong}" is no range such as 10.1.2.0/24` };
  const ipv4 = ranges.find((range) => !range.includes(':'));
  const ipv6 = surroundings.hasIpv6 ? ranges.find((range) => range.includes(':')) : undefined;
  const cidrs = ranges.filter((range) => range === ipv4 || range === ipv6);
  const [problem] = cidrs.flatMap((cidr) => harmOf(cidr, surroundings) ?? []);
  if (problem !== undefined) return { problem };
  return cidrs.length > 0 ? { cidrs } : { problem: 'the device has no IPv6' };
}

/**
 * How pods with addresses of a range would take the device off a network that it is on; undefined if
 * they wouldn't. They would if the range has anything in common with the network of an own address, or
 * in it a gateway, the whole of what another route leads to, or an address that must be reached. A
 * route that is wider than the range is no hindrance, for the narrower one counts.
 */
export function harmOf(cidr: string, device: DeviceNetworks): string | undefined {
  if (!isPodCidr(cidr)) return undefined;
  if (special.some((other) => intersect(cidr, other))) {
    return `${cidr} has addresses that are none of hosts`;
  }
  const { routes, routes6, networks, needed } = device;
  const others = [...routesIn(routes), ...routes6In(routes6)].filter(
    ({ device }) => device !== bridgeName,
  );
  const isTaken =
    networks.some((network) => intersect(cidr, network)) ||
    others.some((route) => contains(cidr, route.gateway) || covers(cidr, route.cidr));
  if (isTaken) return `${cidr} is where the device itself or a network of its own is`;
  const hidden = needed.find((address) => contains(cidr, address));
  return hidden && `${cidr} has ${hidden} in it, which the device must reach`;
}

/** Of IPv4 alone, for the API server writes IPv6 in more than one way. `host-local` takes none. */
function hasHostBits(range: string): boolean {
  const address = addressIn(range);
  return isIP(address) === 4 && range4(range).first !== range4(`${address}/32`).first;
}
