import type { Duplex } from 'node:stream';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import { parseAddress, type TunnelAddress } from './address.ts';
import { dialError } from './dial-error.ts';
import { TunnelError } from './errors.ts';
import { Deadline } from './deadline.ts';
import { connectTimeoutMs, handshakeTimeoutMs } from './limits.ts';
import { isDateError, requireTrustedPeer } from './peer-dates.ts';
import { connectThroughProxy } from './proxy-connect.ts';
import { proxyFor, type Proxy, type ProxyEnvironment } from './proxy-environment.ts';
import { spiffeIdIn } from './svid.ts';
import { Session, type SessionOptions } from './session.ts';
import {
  abortError,
  connectFirst,
  resolveTargets,
  type Connected,
  type TcpTarget,
} from './tcp-race.ts';
import { upgradeClient } from './upgrade-client.ts';
import { carrierFor } from './websocket-carrier.ts';

export interface TunnelTls {
  /** This end's certificate and key, and the certificates that the other end's is checked by; PEM. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Name that the other end's certificate must carry, when it isn't the host of the address. */
  readonly servername?: string;
  /** SPIFFE ID that it must carry in place of any name. */
  readonly spiffeId?: string;
  /**
   * It is later than this, ms since 1970, whatever the clock of this machine says. Where it is given, a
   * certificate that only the clock speaks against is taken, unless it ended before this.
   */
  readonly earliestMs?: number;
}

export interface DialOptions {
  /** `wss://host:port/path`, tried in this order. */
  readonly addresses: readonly string[];
  readonly tls: TunnelTls;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where HTTPS_PROXY and NO_PROXY are looked up; no proxy is used without it. */
  readonly proxyEnvironment?: ProxyEnvironment;
  readonly signal: AbortSignal;
  readonly session: SessionOptions;
  /** Called with the session before any of its streams arrives. */
  readonly onSession?: (session: Session, address: string) => void;
  /** IP addresses of a host, in the order to try; DNS and /etc/hosts by default. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Time for connecting to one IP address, proxy included, and for the two handshakes after it. */
  readonly connectTimeoutMs?: number;
  readonly handshakeTimeoutMs?: number;
}

export interface Dialled {
  readonly session: Session;
  readonly address: string;
}

/**
 * Dials a tunnel once: every address in order, and every IP address that a name has, until one
 * ends in a session. Rejects with the TunnelError of the last one that failed, or ABORTED.
 */
export async function dialTunnel(options: DialOptions): Promise<Dialled> {
  let last = new TunnelError('ADDRESS_INVALID', 'no address of a provider is given');
  for (const text of options.addresses) {
    try {
      return { session: await dialAddress(parseAddress(text), options), address: text };
    } catch (error) {
      last = dialError(error, text, text);
      if (options.signal.aborted) throw abortError(options.signal);
    }
  }
  throw last;
}

async function dialAddress(address: TunnelAddress, options: DialOptions): Promise<Session> {
  const proxy = proxyFor(address.host, address.port, options.proxyEnvironment ?? {});
  const first = proxy ?? address;
  let targets = await resolveTargets(first.host, first.port, options.resolve);
  let failure: TunnelError | undefined;
  while (targets.length > 0) {
    const connected = await connectAny(targets, first, options).catch((error: unknown) => {
      failure ??= dialError(error, address.text, address.text);
    });
    if (!connected) break;
    targets = targets.filter((target) => target !== connected.target);
    try {
      return await handshake(connected.socket, proxy, address, options, true);
    } catch (error) {
      const again = await withoutClock(connected.target, proxy, address, options, error);
      if (again instanceof Session) return again;
      failure ??= dialError(again, address.text, address.text);
    }
  }
  throw failure ?? new TunnelError('DNS_FAILED', `${first.host} has no address`);
}

/** A second try where TLS failed on dates and the clock may be the one that is wrong; else the failure. */
async function withoutClock(
  target: TcpTarget,
  proxy: Proxy | undefined,
  address: TunnelAddress,
  options: DialOptions,
  failure: unknown,
): Promise<unknown> {
  if (options.tls.earliestMs === undefined || !isDateError(failure)) return failure;
  try {
    const { socket } = await connectAny([target], proxy ?? address, options);
    return await handshake(socket, proxy, address, options, false);
  } catch (error) {
    return error;
  }
}

async function connectAny(
  targets: readonly TcpTarget[],
  first: { readonly host: string; readonly port: number },
  options: DialOptions,
): Promise<Connected> {
  const timeoutMs = options.connectTimeoutMs ?? connectTimeoutMs;
  const what = `${first.host} port ${first.port} did not answer within ${timeoutMs / 1000} s`;
  using deadline = new Deadline(options.signal, timeoutMs, what);
  return await connectFirst(targets, deadline.signal);
}

async function handshake(
  socket: Socket,
  proxy: Proxy | undefined,
  address: TunnelAddress,
  options: DialOptions,
  byClock: boolean,
): Promise<Session> {
  const timeoutMs = options.handshakeTimeoutMs ?? handshakeTimeoutMs;
  const what = `${address.text} did not complete its greeting within ${timeoutMs / 1000} s`;
  using deadline = new Deadline(options.signal, timeoutMs, what);
  try {
    const road = await roadThrough(proxy, socket, address, deadline.signal);
    const secure = await secureTo(road, address, options.tls, byClock, deadline.signal);
    const { headers = {} } = options;
    return await upgradeClient(secure, address, headers, deadline.signal, (ws) =>
      startSession(ws, address, options),
    );
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function startSession(ws: WebSocket, address: TunnelAddress, options: DialOptions): Session {
  const session = new Session(carrierFor(ws, options.session), {
    ...options.session,
    role: 'client',
  });
  options.onSession?.(session, address.text);
  return session;
}

/** The connection to the address itself: `socket`, or a tunnel that the proxy at its end made. */
async function roadThrough(
  proxy: Proxy | undefined,
  socket: Socket,
  address: TunnelAddress,
  signal: AbortSignal,
): Promise<Duplex> {
  if (proxy === undefined) return socket;
  const name = `the proxy ${proxy.host}:${proxy.port}`;
  const road = proxy.secure
    ? await secured({ socket, host: proxy.host, ...sni(proxy.host) }, name, signal)
    : socket;
  await connectThroughProxy(road, proxy, address.host, address.port, signal);
  return road;
}

async function secureTo(
  socket: Duplex,
  address: TunnelAddress,
  tls: TunnelTls,
  byClock: boolean,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { cert, key, ca } = tls;
  const name = tls.servername === undefined ? sni(address.host) : { servername: tls.servername };
  const minVersion = 'TLSv1.3';
  const secure = await secured(
    {
      ...{ socket, host: address.host, cert, key, ca, minVersion, rejectUnauthorized: byClock },
      ...name,
      ...identityCheck(tls.spiffeId),
    },
    address.text,
    signal,
  );
  if (byClock) return secure;
  const { earliestMs = Infinity, servername: host = address.host, spiffeId } = tls;
  requireTrustedPeer(secure, { ca, host, spiffeId, earliestMs });
  return secure;
}

function secured(
  options: ConnectionOptions,
  what: string,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connectTls(options);
  const onAbort = (): void => {
    socket.destroy();
    reject(abortError(signal));
  };
  const onError = (error: Error): void => {
    reject(dialError(error, what, what));
  };
  const onClose = (): void => {
    reject(new TunnelError('CONNECTION_LOST', `${what} closed the connection during TLS`));
  };
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  socket
    .once('error', onError)
    .once('close', onClose)
    .once('secureConnect', () => {
      resolve(socket);
    });
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort);
    socket.off('close', onClose);
    // An error listener stays: between here and the next owner an alert may come.
  });
}

/** In place of a look at the name: SPIFFE X.509-SVID section 5.2. */
function identityCheck(
  spiffeId: string | undefined,
): Pick<ConnectionOptions, 'checkServerIdentity'> {
  if (spiffeId === undefined) return {};
  return {
    checkServerIdentity: (_host, { subjectaltname }) => {
      if (spiffeIdIn(subjectaltname) === spiffeId) return undefined;
      const shown = `it is ${subjectaltname ?? 'without a name'}, not ${spiffeId}`;
      return new TunnelError('TLS_UNTRUSTED', `its certificate is not the one expected: ${shown}`);
    },
  };
}

/** A server name is sent only for DNS names (RFC 6066, section 3). */
function sni(host: string): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}
