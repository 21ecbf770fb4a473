import { createHash } from 'node:crypto';
import { overlap, range4 } from './cidr.ts';
import { routesIn } from './routes.ts';

/** Tried in this order; 254 addresses are more than twice a kubelet's pods. */
const candidates = ['10.85.0.0/24', '172.30.85.0/24', '192.168.185.0/24', '10.213.85.0/24'];

export interface NetworkSurroundings {
  /** Text of `/proc/net/route`. */
  readonly routes: string;
  /** Whether pods can reach the outside by IPv6. */
  readonly hasIpv6: boolean;
  /** Anything that tells this device from others. */
  readonly deviceId: string;
}

/**
 * The ranges of a device's own pods: an IPv4 range that the device has no route into, and where it
 * has IPv6 a unique local one (RFC 4193), the same at every call.
 */
export function choosePodCidrs({ routes, hasIpv6, deviceId }: NetworkSurroundings): string[] {
  const taken = routesIn(routes)
    .filter(({ isDefault }) => !isDefault)
    .map(({ range }) => range);
  const free = candidates.find((cidr) => !taken.some((range) => overlap(range, range4(cidr))));
  const ipv4 = free ?? candidates[0] ?? '';
  return hasIpv6 ? [ipv4, uniqueLocalCidr(deviceId)] : [ipv4];
}

function uniqueLocalCidr(deviceId: string): string {
  const hash = createHash('sha256').update(deviceId).digest('hex');
  return `fd${hash.slice(0, 2)}:${hash.slice(2, 6)}:${hash.slice(6, 10)}:${hash.slice(10, 14)}::/64`;
}
