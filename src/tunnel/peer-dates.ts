import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { certificatePath, certificatesIn, presentedBy } from './certificate-path.ts';
import { nodeErrorCode, TunnelError } from './errors.ts';
import { spiffeIdIn } from './svid.ts';

/** What a peer's certificate is judged by when the clock of this machine can't be. */
export interface PeerRulesWithoutClock {
  /** CAs, PEM. */
  ca: string;
  /** DNS name or IP address that the certificate must carry. */
  host: string;
  /** SPIFFE ID that it must carry, in place of that. */
  spiffeId?: string | undefined;
  /** It is later than this, ms since 1970, whatever the clock says. */
  earliestMs: number;
}

/** `id-kp-serverAuth`, RFC 5280 section 4.2.1.12. */
const serverAuth = '1.3.6.1.5.5.7.3.1';

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
  const path = certificatePath(leaf, others, certificatesIn(rules.ca));
  if (path === undefined) return 'it is not by a CA that is trusted here';
  const ended = path.some(({ validToDate }) => validToDate.getTime() < rules.earliestMs);
  if (ended) return 'it ended before a time that has passed for certain';
  if (!isFor(leaf, rules)) return 'it is for another name';
  const isForServers = !leaf.ca && new Set(leaf.keyUsage).has(serverAuth);
  return isForServers ? undefined : 'it is not one for servers';
}

function isFor(leaf: X509Certificate, { host, spiffeId }: PeerRulesWithoutClock): boolean {
  if (spiffeId !== undefined) return spiffeIdIn(leaf.subjectAltName) === spiffeId;
  return (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined;
}
