import type { IncomingMessage } from 'node:http';
import type { Upgrade } from '../../protocol/stream-head.ts';
import { KubeletApiError } from './kubelet-api-error.ts';

/** A subprotocol of this form is a bearer token, which only the API server may see. */
const tokenProtocol = 'base64url.bearer.authorization.k8s.io.';

/** True for a request that asks to leave HTTP; a header alone, as of a proxy's, doesn't. */
export function asksForUpgrade(request: IncomingMessage): boolean {
  const connection = (request.headers.connection ?? '').toLowerCase();
  return (
    request.headers.upgrade !== undefined &&
    connection.split(',').some((token) => token.trim() === 'upgrade')
  );
}

export function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * What a site needs of an upgrade's head: the method and the headers that name protocols. Nothing
 * that identifies or authenticates the client goes along.
 * @throws KubeletApiError `UPGRADE_REQUIRED` when the request asks for none, or for another one.
 */
export function upgradeOf(request: IncomingMessage): Upgrade {
  const { method } = request;
  if (!asksForUpgrade(request) || (method !== 'GET' && method !== 'POST')) {
    throw new KubeletApiError('UPGRADE_REQUIRED', 'Upgrade request required');
  }
  const protocol = request.headers.upgrade?.toLowerCase();
  if (protocol !== 'spdy/3.1' && protocol !== 'websocket') {
    throw new KubeletApiError(
      'UPGRADE_REQUIRED',
      'Upgrade request required: only SPDY/3.1 and websocket are spoken here',
    );
  }
  if (protocol === 'websocket') requireKnownSubprotocol(request);
  const headers: [string, string][] = [
    ['Connection', 'Upgrade'],
    ['Upgrade', protocol === 'websocket' ? 'websocket' : 'SPDY/3.1'],
  ];
  const raw = request.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [raw[i], raw[i + 1]];
    if (name === undefined || value === undefined) continue;
    const passed = passedHeader(name, value);
    if (passed !== undefined) headers.push(passed);
  }
  return { method, headers };
}

/**
 * Subprotocols that no container runtime speaks: newer API servers turn them into older ones. Behind an
 * older one they come here, and the client falls back at once instead of after a round trip to the site.
 */
const unknownSubprotocols: readonly string[] = ['v5.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io'];

function requireKnownSubprotocol(request: IncomingMessage): void {
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith(tokenProtocol));
  if (offered.length === 0 || !offered.every((name) => unknownSubprotocols.includes(name))) return;
  throw new KubeletApiError(
    'UPGRADE_REQUIRED',
    `none of the WebSocket subprotocols ${offered.join(', ')} is spoken here`,
  );
}

/** The header as it goes to the site; undefined for all that don't. */
function passedHeader(name: string, value: string): [string, string] | undefined {
  const lowerCase = name.toLowerCase();
  if (lowerCase === 'x-stream-protocol-version') return [name, value];
  if (!lowerCase.startsWith('sec-websocket-')) return undefined;
  if (lowerCase !== 'sec-websocket-protocol') return [name, value];
  const protocols = value
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(tokenProtocol));
  return protocols.length === 0 ? undefined : [name, protocols.join(', ')];
}
