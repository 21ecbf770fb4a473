import { networkInterfaces } from 'node:os';
import { parseDefaultRoute4, parseDefaultRoute6 } from './default-route.ts';
import { readText, type HostRoot } from './host-files.ts';

export interface HostAddress {
  readonly interfaceName: string;
  readonly family: 4 | 6;
  readonly address: string;
}

/** Interfaces that container networks make; their addresses are not the machine's. */
const containerInterface =
  /^(veth|cni|docker|br-|virbr|flannel|cali|vxlan\.|tunl|kube-|nodelocaldns|lxc|cilium)/;

/**
 * The addresses by which this machine (or this network namespace) is known: no loopback, no
 * link-local, none of container networks. IPv4 first, and in each family the interface of the
 * default route first, which is the one a kubelet picks.
 */
export async function listHostAddresses(root: HostRoot = {}): Promise<HostAddress[]> {
  const preferred = {
    4: parseDefaultRoute4((await readText(root, '/proc/net/route')) ?? ''),
    6: parseDefaultRoute6((await readText(root, '/proc/net/ipv6_route')) ?? ''),
  };
  const rank = ({ interfaceName, family }: HostAddress): number =>
    (family === 4 ? 0 : 2) + (interfaceName === preferred[family] ? 0 : 1);
  return usableAddresses()
    .map(({ interfaceName, family, address }): HostAddress => ({ interfaceName, family, address }))
    .sort((a, b) => rank(a) - rank(b));
}

/** The same with the length of the prefix of each address's network: `192.168.7.2/24`. */
export function listHostNetworks(): string[] {
  return usableAddresses().flatMap(({ cidr }) => cidr ?? []);
}

function usableAddresses(): (HostAddress & { cidr: string | null })[] {
  return Object.entries(networkInterfaces())
    .filter(([interfaceName]) => !containerInterface.test(interfaceName))
    .flatMap(([interfaceName, addresses = []]) =>
      addresses
        .filter(({ internal, address }) => !internal && !isLinkLocal(address))
        .map(({ address, family, cidr }) => {
          return { interfaceName, family: family === 'IPv4' ? 4 : 6, address, cidr };
        }),
    );
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}
