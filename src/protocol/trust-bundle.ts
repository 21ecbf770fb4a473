import { createHash, X509Certificate } from 'node:crypto';

/** Header of a tunnel's upgrade: `trustDigestOf` the CAs that the runner trusts. */
export const trustHeader = 'towline-trust';

/** The certificates of a PEM file, in its order. Throws Node's error for one that can't be read. */
export function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/**
 * Digest of a set of CAs, whatever their order: SHA-256, in hex, over the sorted SHA-256
 * fingerprints (as in `AB:CD:…`) of their certificates, joined by `\n`.
 */
export function trustDigestOf(pem: string): string {
  const fingerprints = certificatesOf(pem).map(({ fingerprint256 }) => fingerprint256);
  return createHash('sha256').update(fingerprints.sort().join('\n')).digest('hex');
}
