import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

/** Longest path from an end's certificate to a CA that is trusted. */
const maxPathLength = 4;

/**
 * The certificates from `leaf` over some of `others` to a trusted CA, both ends included: names,
 * signatures and that issuers are CAs are checked, dates and purposes are left to the caller.
 * `undefined` when there is no such path.
 */
export function certificatePath(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): X509Certificate[] | undefined {
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

/** The certificates of a PEM file, in its order. Throws Node's error for one that can't be read. */
export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** What the peer presented, its own certificate first. */
export function presentedBy(socket: TLSSocket): X509Certificate[] {
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

function isIssuer(candidate: X509Certificate, of: X509Certificate): boolean {
  return candidate.ca && of.checkIssued(candidate) && of.verify(candidate.publicKey);
}
