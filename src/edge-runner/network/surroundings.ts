import { readText, type HostRoot } from '../host/host-files.ts';
import { bridgesIpv6, masqueradesIpv6 } from './ipv6.ts';
import type { DeviceNetworks } from './node-ranges.ts';
import type { NetworkSurroundings } from './pod-cidrs.ts';

/** Where a device's networks are read. */
export interface SurroundingsSource {
  /** The device's own addresses as they are now, as `192.168.7.2/24`. */
  networks: () => readonly string[];
  /** Addresses that the device must reach, as far as it knows them now. */
  needed: () => Promise<readonly string[]>;
  /** Where its routes are read. */
  root?: HostRoot;
}

/** Addresses and routes as they are now: what is read on the device alone, without a look-up. */
export async function readNetworks({
  networks,
  root = {},
}: Pick<SurroundingsSource, 'networks' | 'root'>): Promise<DeviceNetworks> {
  return {
    routes: (await readText(root, '/proc/net/route')) ?? '',
    routes6: (await readText(root, '/proc/net/ipv6_route')) ?? '',
    ...{ networks: networks(), needed: [] },
  };
}

/** All that ranges of pods are judged and chosen by. */
export async function readSurroundings(
  source: SurroundingsSource,
): Promise<Omit<NetworkSurroundings, 'deviceId'>> {
  const device = await readNetworks(source);
  const masquerades = await masqueradesIpv6();
  return {
    ...{ ...device, needed: await source.needed() },
    hasIpv6: (await bridgesIpv6(source.root)) && masquerades,
    reachesIpv6: device.networks.some((network) => network.includes(':')) && masquerades,
  };
}
