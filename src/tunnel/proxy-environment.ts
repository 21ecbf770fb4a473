import { BlockList, isIP } from 'node:net';
import { TunnelError } from './errors.ts';

export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

export interface Proxy {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** `user:password`, decoded. */
  readonly credentials: string | undefined;
}

/**
 * The proxy for `host:port` by the conventions of curl and Go: HTTPS_PROXY (or https_proxy), unless
 * NO_PROXY (or no_proxy) lists the host, a domain it is in, its network in CIDR form, or `*`.
 * Throws TunnelError ADDRESS_INVALID for a proxy URL that can't be used.
 */
export function proxyFor(
  host: string,
  port: number,
  environment: ProxyEnvironment,
): Proxy | undefined {
  const text = environment['HTTPS_PROXY'] ?? environment['https_proxy'] ?? '';
  if (text === '') return undefined;
  const exceptions = environment['NO_PROXY'] ?? environment['no_proxy'] ?? '';
  if (exceptions.split(/[\s,]+/).some((entry) => covers(entry, host, port))) return undefined;
  return parseProxy(text);
}

function parseProxy(text: string): Proxy {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new TunnelError(
      'ADDRESS_INVALID',
      'HTTPS_PROXY is not a proxy URL: expected http://[USER:PASSWORD@]HOST:PORT',
    );
  }
  const secure = url.protocol === 'https:';
  const hasUser = url.username !== '' || url.password !== '';
  const user = decodeURIComponent(url.username);
  return {
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    credentials: hasUser ? `${user}:${decodeURIComponent(url.password)}` : undefined,
  };
}

function covers(entry: string, host: string, port: number): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  if (entry.includes('/')) return isInNetwork(host, entry);
  const { name, entryPort } = splitPort(entry.toLowerCase());
  if (entryPort !== undefined && entryPort !== port) return false;
  const wanted = host.toLowerCase();
  const domain = name.replace(/^\*?\./, '');
  return wanted === domain || wanted.endsWith(`.${domain}`);
}

function splitPort(entry: string): { name: string; entryPort: number | undefined } {
  const match = /^\[?(?<name>[^\]]*?)\]?(?::(?<port>\d+))?$/.exec(entry);
  const groups = match?.groups;
  if (groups === undefined || isIP(entry) === 6) return { name: entry, entryPort: undefined };
  const entryPort = groups['port'] === undefined ? undefined : Number(groups['port']);
  return { name: groups['name'] ?? entry, entryPort };
}

function isInNetwork(host: string, network: string): boolean {
  const family = isIP(host);
  const [base = '', bits = ''] = network.split('/');
  if (family === 0 || isIP(base) !== family || !/^\d+$/.test(bits)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  if (Number(bits) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), type);
  return list.check(host, type);
}
