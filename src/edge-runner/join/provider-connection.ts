import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  connect,
  type ConnectionOptions,
  type DetailedPeerCertificate,
  type TLSSocket,
} from 'node:tls';
import { TunnelError } from '../../tunnel/errors.ts';
import {
  isDateError,
  requireTrustedPeer,
  type PeerRulesWithoutClock,
} from '../../tunnel/peer-dates.ts';
import type { ProxyEnvironment } from '../../tunnel/proxy-environment.ts';
import { publicKeyHashOf } from './device-key.ts';
import { JoinError, systemCodeOf } from './errors.ts';
import { earliestTimeOf, type Identity } from './identity.ts';
import { maxChainLength } from './limits.ts';
import { serverNameOf, type ProviderAddress } from './provider-address.ts';
import { openRoad } from './provider-road.ts';

export interface ConnectOptions {
  /** Where HTTPS_PROXY and NO_PROXY are looked up. */
  environment: ProxyEnvironment;
  /** How long connecting may take. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface ProviderTrust extends ConnectOptions {
  /** `sha256:<hex>` of the SubjectPublicKeyInfo of the provider's CA. */
  caHash: string;
}

/** The same with the end of its time. */
type Timed<T> = T & { timeout: AbortSignal };

/** A connection on which the other end is proved to be the provider. */
export interface ProviderConnection {
  socket: TLSSocket;
  /** The CA that has the expected hash, PEM. */
  ca: string;
}

/**
 * Connects in two steps. The first connection only looks at the chain that is presented, for a CA
 * with the expected hash, and says nothing. The second trusts that CA alone and leaves the rest to
 * TLS: chain, validity, host name. Whoever gets a byte from us has passed all of it.
 * @throws JoinError `PROVIDER_UNREACHABLE`, `PROVIDER_UNTRUSTED`, `ABORTED`
 */
export async function connectToProvider(
  address: ProviderAddress,
  trust: ProviderTrust,
): Promise<ProviderConnection> {
  const timed = { ...trust, timeout: AbortSignal.timeout(trust.timeoutMs) };
  const ca = await presentedAuthority(address, timed);
  const socket = await handshake(address, timed, { ca, rejectUnauthorized: true });
  return { socket, ca };
}

/**
 * Connects with what a joined device trusts and is known by.
 * @throws JoinError `PROVIDER_UNREACHABLE`, `PROVIDER_UNTRUSTED`, `ABORTED`
 */
export async function connectAsSite(
  address: ProviderAddress,
  { certificate, privateKey, ca }: Identity,
  options: ConnectOptions,
): Promise<TLSSocket> {
  const timed = { ...options, timeout: AbortSignal.timeout(options.timeoutMs) };
  const tls = { ca, cert: certificate, key: privateKey };
  try {
    return await handshake(address, timed, { ...tls, rejectUnauthorized: true });
  } catch (error) {
    if (!(error instanceof JoinError) || !isDateError(error.cause)) throw error;
    const socket = await handshake(address, timed, { ...tls, rejectUnauthorized: false });
    requireTrusted(socket, { ca, host: address.host, earliestMs: earliestTimeOf(certificate) });
    return socket;
  }
}

/** The clock of a device may be wrong by years, and is not asked then. */
function requireTrusted(socket: TLSSocket, rules: PeerRulesWithoutClock): void {
  try {
    requireTrustedPeer(socket, rules);
  } catch (cause) {
    socket.destroy();
    if (!(cause instanceof TunnelError)) throw cause;
    throw new JoinError('PROVIDER_UNTRUSTED', `${cause.message}; nothing was sent`, { cause });
  }
}

async function presentedAuthority(
  address: ProviderAddress,
  trust: Timed<ProviderTrust>,
): Promise<string> {
  const socket = await handshake(address, trust, { rejectUnauthorized: false });
  const chain = chainOf(socket);
  socket.destroy();
  const ca = chain.find((certificate) => publicKeyHashOf(certificate.publicKey) === trust.caHash);
  if (ca?.ca === true) return ca.toString();
  throw new JoinError(
    'PROVIDER_UNTRUSTED',
    `${address.url} shows a certificate that is not from the provider of this join line (no CA with ${trust.caHash}): ` +
      'check the address and --ca-hash, and that nothing in between opens TLS; nothing was sent',
  );
}

/** The certificates that were presented, leaf first. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  // Without a certificate Node gives an empty object, and the issuer of a root is itself.
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < maxChainLength) {
    const certificate = new X509Certificate(next.raw);
    if (seen.has(certificate.fingerprint256)) break;
    seen.add(certificate.fingerprint256);
    chain.push(certificate);
    next = next.issuerCertificate;
  }
  return chain;
}

async function handshake(
  address: ProviderAddress,
  trust: Timed<ConnectOptions>,
  tls: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>,
): Promise<TLSSocket> {
  const signal = AbortSignal.any([trust.signal, trust.timeout]);
  let socket: TLSSocket | undefined;
  try {
    socket = connect({
      socket: await openRoad(address, trust.environment, signal),
      host: address.host,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      ...serverNameOf(address),
      ...tls,
    });
    await once(socket, 'secureConnect', { signal });
    // Between here and the request nobody listens, and the other end may break at any time.
    socket.on('error', () => undefined);
    return socket;
  } catch (error) {
    socket?.destroy();
    if (trust.signal.aborted) throw interrupted(error);
    throw trust.timeout.aborted
      ? timedOut(address, trust.timeoutMs, error)
      : connectionError(address, error);
  }
}

function interrupted(cause: unknown): JoinError {
  return new JoinError('ABORTED', 'joining was interrupted', { cause });
}

function timedOut(address: ProviderAddress, timeoutMs: number, cause: unknown): JoinError {
  return new JoinError(
    'PROVIDER_UNREACHABLE',
    `the provider does not answer at ${address.url} within ${Math.round(timeoutMs / 1000)} s: check the address, the network of this device, and firewalls in between`,
    { cause },
  );
}

function connectionError(address: ProviderAddress, cause: unknown): JoinError {
  if (cause instanceof TunnelError) {
    return new JoinError(
      'PROVIDER_UNREACHABLE',
      `the provider does not answer at ${address.url}: ${cause.message}`,
      { cause },
    );
  }
  const code = systemCodeOf(cause) ?? String(cause);
  const untrusted = untrustedReasons[code];
  if (untrusted !== undefined) {
    return new JoinError('PROVIDER_UNTRUSTED', `${address.url}: ${untrusted}; nothing was sent`, {
      cause,
    });
  }
  return new JoinError(
    'PROVIDER_UNREACHABLE',
    `${address.url} does not answer as a Towline provider does, with TLS 1.3 (${code}): check host and port`,
    { cause },
  );
}

const notByCa = 'the certificate is not signed by the CA that this device trusts';

const untrustedReasons: Partial<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the provider is not for this host; use an address that the provider was given with --public-address',
  CERT_HAS_EXPIRED:
    'the certificate of the provider has expired; check the clock of this device, then the provider',
  CERT_NOT_YET_VALID:
    'the certificate of the provider is not valid yet; check the clock of this device',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notByCa,
  UNABLE_TO_GET_ISSUER_CERT: notByCa,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notByCa,
  SELF_SIGNED_CERT_IN_CHAIN: notByCa,
  DEPTH_ZERO_SELF_SIGNED_CERT: notByCa,
  CERT_SIGNATURE_FAILURE: notByCa,
  UNSPECIFIED: notByCa,
  INVALID_PURPOSE: 'the certificate is not one for servers',
};
