import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { JoinError, systemCodeOf } from './errors.ts';
import { publicKeyHashOf } from './device-key.ts';
import { connectTimeoutMs, maxChainLength } from './limits.ts';
import { serverNameOf, type ProviderAddress } from './provider-address.ts';

export interface ProviderTrust {
  /** `sha256:<hex>` of the SubjectPublicKeyInfo of the provider's CA. */
  caHash: string;
  signal: AbortSignal;
}

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
  const ca = await presentedAuthority(address, trust);
  const socket = await handshake(address, trust.signal, { ca, rejectUnauthorized: true });
  return { socket, ca };
}

async function presentedAuthority(address: ProviderAddress, trust: ProviderTrust): Promise<string> {
  const socket = await handshake(address, trust.signal, { rejectUnauthorized: false });
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
  signal: AbortSignal,
  tls: { ca?: string; rejectUnauthorized: boolean },
): Promise<TLSSocket> {
  const socket = connect({
    host: address.host,
    port: address.port,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    ...serverNameOf(address),
    ...tls,
  });
  const timeout = AbortSignal.timeout(connectTimeoutMs);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, timeout]) });
    return socket;
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw new JoinError('ABORTED', 'joining was interrupted', { cause: error });
    throw connectionError(address, timeout.aborted ? 'ETIMEDOUT' : systemCodeOf(error), error);
  }
}

function connectionError(
  address: ProviderAddress,
  code: string | undefined,
  cause: unknown,
): JoinError {
  const unreachable = code === undefined ? undefined : unreachableReasons[code];
  if (unreachable !== undefined) {
    return new JoinError(
      'PROVIDER_UNREACHABLE',
      `the provider does not answer at ${address.url}: ${unreachable}`,
      { cause },
    );
  }
  const untrusted = code === undefined ? undefined : untrustedReasons[code];
  if (untrusted !== undefined) {
    return new JoinError('PROVIDER_UNTRUSTED', `${address.url}: ${untrusted}; nothing was sent`, {
      cause,
    });
  }
  return new JoinError(
    'PROVIDER_UNREACHABLE',
    `${address.url} does not answer as a Towline provider does, with TLS 1.3 (${code ?? String(cause)}): check host and port`,
    { cause },
  );
}

const unreachableReasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens on that port; check the port, and that the provider runs',
  ENOTFOUND: 'its name cannot be resolved; check the name, and the DNS server of this device',
  EAI_AGAIN: 'no DNS server answers; check the network of this device',
  EHOSTUNREACH: 'there is no way to that host; check the network of this device',
  ENETUNREACH: 'there is no way to that network; check the network of this device',
  ETIMEDOUT: `no answer within ${connectTimeoutMs / 1000} s; check the address, and firewalls in between`,
};

const untrustedReasons: Record<string, string> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the provider is not for this host; use an address that the provider was given with --public-address',
  CERT_HAS_EXPIRED:
    'the certificate of the provider has expired; check the clock of this device, then the provider',
  CERT_NOT_YET_VALID:
    'the certificate of the provider is not valid yet; check the clock of this device',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is not signed by the CA of --ca-hash',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate is not signed by the CA of --ca-hash',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is not signed by the CA of --ca-hash',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is not signed by the CA of --ca-hash',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is not signed by the CA of --ca-hash',
  CERT_SIGNATURE_FAILURE: 'the certificate is not signed by the CA of --ca-hash',
  INVALID_PURPOSE: 'the certificate is not one for servers',
};
