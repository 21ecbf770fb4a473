import { setTimeout as delay } from 'node:timers/promises';
import { isIP } from 'node:net';
import { proxyFor, type ProxyEnvironment } from '../../tunnel/proxy-environment.ts';
import { resolveTargets } from '../../tunnel/tcp-race.ts';
import { readText, type HostRoot } from '../host/host-files.ts';
import { parseProviderAddresses, type ProviderAddress } from '../join/provider-address.ts';
import { lookupTimeoutMs } from './limits.ts';

interface NeededAddressesOptions {
  /** As in `wss://provider.example.com:8443`. */
  providers: readonly string[];
  environment: ProxyEnvironment;
  root?: HostRoot;
  /** All addresses of a host. */
  resolve?: (host: string) => Promise<readonly string[]>;
  timeoutMs?: number;
}

/** The second has those that the stub of systemd-resolved asks. */
const resolverFiles = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

/**
 * Addresses without which a device doesn't come back to its provider: name servers, and the provider
 * or the proxy on the way to it. A name that can't be looked up now, or not soon, is left out. Never rejects.
 */
export async function neededAddresses(options: NeededAddressesOptions): Promise<string[]> {
  const { providers, environment, root = {} } = options;
  const hosts = new Set(
    providers.flatMap(parseProviderAddresses).map((address) => firstHost(address, environment)),
  );
  const texts = await Promise.all(resolverFiles.map((file) => readText(root, file)));
  const found = await Promise.all(Array.from(hosts, (host) => addressesOf(host, options)));
  return [...nameServersIn(texts.join('\n')), ...found.flat()];
}

function nameServersIn(text: string): string[] {
  const addresses = Array.from(text.matchAll(/^nameserver\s+([^\s%]+)/gm), ([, a = '']) => a);
  return addresses.filter((address) => isIP(address) !== 0);
}

/** Where a connection to the provider goes first. A proxy that is none is told by the link. */
function firstHost({ host, port }: ProviderAddress, environment: ProxyEnvironment): string {
  try {
    return (proxyFor(host, port, environment) ?? { host }).host;
  } catch {
    return host;
  }
}

async function addressesOf(
  host: string,
  { resolve, timeoutMs = lookupTimeoutMs }: NeededAddressesOptions,
): Promise<string[]> {
  const found = resolveTargets(host, 0, resolve).then(
    (targets) => targets.map(({ ip }) => ip),
    () => [],
  );
  return Promise.race([found, delay(timeoutMs, [], { ref: false })]);
}
