import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { nodeErrorCode, TunnelError } from './errors.ts';

/** What a peer's certificate is judged by when the clock of this machine can't be. */
export interface PeerRulesWithoutClock {
  /** CAs, PEM. */
  ca: string;
  /** DNS name or IP address that the certificate must carry. */
  host: string;
  /** It is later than this, ms since 1970, whatever the clock says. */
  earliestMs: number;
}

/** `id-kp-serverAuth`, RFC 5280 section 4.2.1.12. */
const serverAuth = '1.3.6.1.5.5.7.3.1';

/** Longest path from a peer's certificate to a CA that is trusted. */
const maxPathLength = 4;

/** Whether TLS failed on nothing but the dates of a certificate. */
export function isDateError(error: unknown): boolean {
  const cause = error instanceof TunnelError ? error.cause : error;
  return ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'].includes(nodeErrorCode(cause));
}

/**
 * Does for a connection that was made with `rejectUnauthorized: false` what TLS would have done, but
 * for the clock: path to a CA, signatures, name, purpose; and of dates, that nothing on the path had
 * ended at `earliestMs`.
 * @throws TunnelError `TLS_UNTRUSTED`
 */
export function requireTrustedPeer(socket: TLSSocket, rules: PeerRulesWithoutClock): void {
  const [leaf, ...others] = presentedBy(socket);
  const fault = leaf === undefined ? 'none was shown' : faultOf(leaf, others, rules);
  if (fault === undefined) return;
  throw new TunnelError(
    'TLS_UNTRUSTED',
    `${rules.host}: its certificate is not the one expected (${fault}), and the clock of this machine does not fit it either`,
  );
}

function faultOf(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  rules: PeerRulesWithoutClock,
): string | undefined {
  const path = pathOf(leaf, others, rules);
  if (path === undefined) return 'it is not by a CA that is trusted here';
  const ended = path.some(({ validToDate }) => validToDate.getTime() < rules.earliestMs);
  if (ended) return 'it ended before a time that has passed for certain';
  const { host } = rules;
  const fits = isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host);
  if (fits === undefined) return 'it is for another name';
  const isForServers = !leaf.ca && new Set(leaf.keyUsage).has(serverAuth);
  return isForServers ? undefined : 'it is not one for servers';
}

/** The certificates from the peer's own to the trusted CA. */
function pathOf(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  rules: PeerRulesWithoutClock,
): X509Certificate[] | undefined {
  const roots = authoritiesOf(rules.ca);
  const path = [leaf];
  for (let last = leaf; path.length <= maxPathLength; path.push(last)) {
    const root = roots.find((candidate) => isIssuer(candidate, last));
    if (root !== undefined) return [...path, root];
    const next = others.find((candidate) => !path.includes(candidate) && isIssuer(candidate, last));
    if (next === undefined) return undefined;
    last = next;
  }
  return undefined;
}

function isIssuer(candidate: X509Certificate, of: X509Certificate): boolean {
  return candidate.ca && of.checkIssued(candidate) && of.verify(candidate.publicKey);
}

function authoritiesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** What the peer presented, its own certificate first. */
function presentedBy(socket: TLSSocket): X509Certificate[] {
  const found: X509Certificate[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && found.length <= maxPathLength) {
    const certificate = new X509Certificate(next.raw);
    if (found.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256)) break;
    found.push(certificate);
    next = next.issuerCertificate;
  }
  return found;
}
