import { isIP } from 'node:net';
import { JoinError } from './errors.ts';

/** Where a provider listens. `url` is normal: `wss://host:port`. */
export interface ProviderAddress {
  url: string;
  /** Without brackets for IPv6. */
  host: string;
  port: number;
}

/**
 * Reads `wss://host[:port]`, or several of them separated by commas.
 * @throws JoinError `USAGE`
 */
export function parseProviderAddresses(text: string): ProviderAddress[] {
  return text.split(',').map((part) => parseAddress(part.trim()));
}

/** Name for TLS: an IP address is not one (RFC 6066 section 3). */
export function serverNameOf(address: ProviderAddress): { servername?: string } {
  return isIP(address.host) === 0 ? { servername: address.host } : {};
}

function parseAddress(text: string): ProviderAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    url?.protocol === 'wss:' &&
    url.hostname !== '' &&
    url.username === '' &&
    ['', '/'].includes(url.pathname) &&
    url.search === '' &&
    url.hash === '';
  if (!isPlain) {
    throw new JoinError(
      'USAGE',
      `"${text}" is not the address of a provider: give it as in wss://provider.example.com:8443`,
    );
  }
  const port = url.port === '' ? 443 : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { url: `wss://${url.hostname}:${port}`, host, port };
}
