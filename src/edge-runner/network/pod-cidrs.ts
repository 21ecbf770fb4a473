import { createHash } from 'node:crypto';
import { overlap, range4 } from './cidr.ts';
import { harmOf, type RangeSurroundings } from './node-ranges.ts';
import { routesIn } from './routes.ts';

/** Tried in this order; 254 addresses are more than twice a kubelet's pods. */
const candidates = ['10.85.0.0/24', '172.30.85.0/24', '192.168.185.0/24', '10.213.85.0/24'];

export interface NetworkSurroundings extends RangeSurroundings {
  /** Whether pods can reach the outside by IPv6. */
  readonly reachesIpv6: boolean;
  /** Anything that tells this device from others. */
  readonly deviceId: string;
}

/**
 * The ranges of a device's own pods: an IPv4 range that the device has no route into and that hides
 * nothing from it, as far as there is one, and where it has IPv6 a unique local one (RFC 4193), the
 * same at every call.
 */
export function choosePodCidrs(surroundings: NetworkSurroundings): string[] {
  const { reachesIpv6, deviceId } = surroundings;
  const taken = routesIn(surroundings.routes)
    .filter(({ isDefault }) => !isDefault)
    .map(({ range }) => range);
  const free = candidates.find(
    (cidr) =>
      !taken.some((range) => overlap(range, range4(cidr))) &&
      harmOf(cidr, surroundings) === undefined,
  );
  const ipv4 = free ?? candidates[0] ?? '';
  return reachesIpv6 ? [ipv4, uniqueLocalCidr(deviceId)] : [ipv4];
}

function uniqueLocalCidr(deviceId: string): string {
  const hash = createHash('sha256').update(deviceId).digest('hex');
  return `fd${hash.slice(0, 2)}:${hash.slice(2, 6)}:${hash.slice(6, 10)}:${hash.slice(10, 14)}::/64`;
}
