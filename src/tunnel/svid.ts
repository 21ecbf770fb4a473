import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { certificatePath, certificatesIn } from './certificate-path.ts';

/** What an outside SPIFFE authority gives one end, PEM, as spiffe-helper writes it to three files. */
export interface SvidPems {
  /** The X.509-SVID, with its intermediates. */
  certificate: string;
  privateKey: string;
  /** The CAs of the trust domain. */
  bundle: string;
}

/**
 * What of an SVID is usable, or why it isn't; `fault` is a phrase for a person. `pems` are the certificates
 * that were checked and nothing else of the files: OpenSSL throws at half a block that stands behind them.
 */
export type SvidVerdict =
  | {
      ok: true;
      spiffeId: string;
      certificate: X509Certificate;
      authorities: X509Certificate[];
      pems: SvidPems;
    }
  | { ok: false; fault: string };

/**
 * Checks what was read from three files that may be in the midst of being replaced: they belong
 * together, and it is an SVID of the trust domain whose bundle that is. Dates are left to the peer.
 * Source: SPIFFE X.509-SVID sections 2, 4 and 5.
 */
export function readSvid(pems: SvidPems): SvidVerdict {
  let chain, authorities, key;
  try {
    chain = certificatesIn(pems.certificate);
    authorities = certificatesIn(pems.bundle);
    key = createPrivateKey(pems.privateKey);
  } catch {
    return { ok: false, fault: 'certificate, key or bundle are not in PEM' };
  }
  const [certificate, ...intermediates] = chain;
  if (certificate === undefined) return { ok: false, fault: 'there is no certificate' };
  if (!certificate.checkPrivateKey(key)) {
    return { ok: false, fault: 'the key is not that of the certificate' };
  }
  if (certificatePath(certificate, intermediates, authorities) === undefined) {
    return { ok: false, fault: 'the certificate is not by a CA of the bundle' };
  }
  const spiffeId = certificate.ca ? undefined : spiffeIdIn(certificate.subjectAltName);
  if (spiffeId === undefined) return { ok: false, fault: 'the certificate names no SPIFFE ID' };
  const checked = {
    certificate: chain.map(String).join(''),
    privateKey: pems.privateKey,
    bundle: authorities.map(String).join(''),
  };
  return { ok: true, spiffeId, certificate, authorities, pems: checked };
}

/**
 * The SPIFFE ID of a certificate, from `subjectAltName` as Node prints it: exactly one URI, with any
 * number of names of other kinds. Node quotes a name that could be taken for several; none that is an
 * SVID's needs that.
 */
export function spiffeIdIn(subjectAltName: string | undefined): string | undefined {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(', ').filter((name) => name.startsWith('URI:'));
  const [uri] = uris.map((name) => name.slice('URI:'.length));
  return uris.length === 1 && uri !== undefined && isSpiffeId(uri) ? uri : undefined;
}

/** SPIFFE-ID section 2: a trust domain and a path, without empty or relative segments. */
export function isSpiffeId(text: string): boolean {
  const [, path = ''] = /^spiffe:\/\/[a-z0-9._-]{1,255}((?:\/[A-Za-z0-9._-]+)*)$/.exec(text) ?? [];
  if (!text.startsWith('spiffe://') || text.length > 2048) return false;
  return path !== '' && !path.split('/').some((segment) => segment === '.' || segment === '..');
}
