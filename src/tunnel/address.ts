import { TunnelError } from './errors.ts';

/** Where a tunnel leads: an address of the form `wss://host[:port]/path`. */
export interface TunnelAddress {
  readonly text: string;
  /** DNS name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
}

const httpsPort = 443;

/** Throws TunnelError ADDRESS_INVALID for what is no `wss://` URL. */
export function parseAddress(text: string): TunnelAddress {
  const url = URL.parse(text);
  if (url?.protocol !== 'wss:') {
    throw new TunnelError(
      'ADDRESS_INVALID',
      `"${text}" is not an address of a provider: expected wss://HOST:PORT/PATH`,
      { address: text },
    );
  }
  return {
    text,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? httpsPort : Number(url.port),
    path: `${url.pathname}${url.search}`,
  };
}
