import { joinHostPort } from './network-text.ts';

/** Where a request goes. */
export interface HttpTarget {
  scheme: 'http' | 'https';
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
  /** With the query; as it stands in the request. */
  path: string;
}

/** The request target of a path as a pod writes it: encoded where it isn't, with a leading slash. */
export function requestPath(path: string): string {
  const local = path.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*/i, '').replace(/#.*$/s, '');
  const mark = local.indexOf('?');
  const before = mark < 0 ? local : local.slice(0, mark);
  const query = mark < 0 ? '' : local.slice(mark);
  const rooted = before.startsWith('/') ? before : `/${before}`;
  const wellFormed = !/%(?![0-9a-fA-F]{2})/.test(rooted);
  return encode(wellFormed ? rooted : rooted.replaceAll('%', '%25')) + encode(query);
}

export function urlOf({ scheme, host, port, path }: HttpTarget): string {
  return `${scheme}://${joinHostPort(host, port)}${path}`;
}

/** Where a `Location` leads; undefined when it isn't an HTTP address. */
export function redirected(from: HttpTarget, location: string): HttpTarget | undefined {
  if (!URL.canParse(location, urlOf(from))) return undefined;
  const url = new URL(location, urlOf(from));
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'http' && scheme !== 'https') return undefined;
  return {
    scheme,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort[scheme] : Number(url.port),
    path: `${url.pathname}${url.search}`,
  };
}

const defaultPort = { http: 80, https: 443 };

function encode(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\x21-\x7e]|["<>\\^`{|}]/gu, (character) => encodeURIComponent(character));
}
