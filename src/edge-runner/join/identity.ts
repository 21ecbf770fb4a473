import { X509Certificate } from 'node:crypto';
import { certificatesOf } from '../../protocol/trust-bundle.ts';
import * as v from 'valibot';

/** Who a device is, and whom it trusts. Certificates and key are PEM. */
export interface Identity {
  /** Its key is kept by somebody else, as systemd's credential or a file; else in the state directory. */
  key?: 'credential' | undefined;
  tenant: string;
  site: string;
  /** `wss://host:port` of the providers. */
  addresses: string[];
  /** The site's certificate, with any intermediates. */
  certificate: string;
  privateKey: string;
  /** The CAs that providers' certificates are from. */
  ca: string;
}

/** The part of an identity that is kept in `config.json`. */
export const identityConfig = v.object({
  tenant: v.pipe(v.string(), v.minLength(1)),
  site: v.pipe(v.string(), v.minLength(1)),
  addresses: v.pipe(v.array(v.string()), v.minLength(1)),
  key: v.optional(v.literal('credential')),
});

/**
 * A time that has passed for certain, ms since 1970: the provider has issued the certificate then, by
 * its own clock.
 */
export function earliestTimeOf(certificate: string): number {
  return new X509Certificate(certificate).validFromDate.getTime();
}

/**
 * What is wrong with a certificate for a site and a key, if that is known, or `undefined`. Validity in
 * time is left to TLS.
 */
export function certificateFault(options: {
  certificate: string;
  publicKey?: string;
  ca: string;
  site: { tenant: string; site: string };
}): string | undefined {
  let certificate, authorities;
  try {
    certificate = new X509Certificate(options.certificate);
    authorities = certificatesOf(options.ca);
  } catch {
    return 'certificate or CA are not in PEM';
  }
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  if (publicKey !== (options.publicKey ?? publicKey)) return 'the certificate is for another key';
  const { issuer } = certificate;
  if (!authorities.some((ca) => ca.subject === issuer && certificate.verify(ca.publicKey))) {
    return 'the certificate is not from the CA';
  }
  const path = /^URI:spiffe:\/\/[^/,]+(\/.*)$/.exec(certificate.subjectAltName ?? '')?.[1];
  if (path !== `/tenant/${options.site.tenant}/site/${options.site.site}`) {
    return 'the certificate is for another site';
  }
  return undefined;
}
