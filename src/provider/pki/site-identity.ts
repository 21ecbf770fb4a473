import type { X509Certificate } from 'node:crypto';
import { id_kp_clientAuth } from '@peculiar/asn1-x509';
import { spiffeIdIn } from '../../tunnel/svid.ts';
import type { KeyPolicy } from '../join/site-key.ts';
import { maySign } from './may-sign.ts';
import { publicKeyHashOf } from './public-key.ts';

/** A site by its namespace and name. */
export interface SiteId {
  tenant: string;
  name: string;
}

/** Whose certificate it is, or why it isn't a valid one; `reason` is a phrase for a person. */
export type PeerVerdict =
  | { ok: true; site: SiteId; publicKeyHash: string }
  /** `renewable`: only dates or issuer are wrong, and a renewal by the key may mend them. */
  | { ok: false; reason: string; renewable: boolean };

export interface PeerRules {
  /** The CAs that are trusted, each by itself. */
  authorities: readonly X509Certificate[];
  trustDomain: string;
  nowMs: number;
  /**
   * Which key of a site counts: the one that it joined with, or any for which the authority gave a
   * certificate, as an outside one does, with intermediates and a new key each time.
   */
  keys: KeyPolicy;
}

/**
 * Reads a site's identity out of the certificate that it showed in a TLS handshake, which has
 * proved that it holds the key. Everything else is checked here and doesn't rest on how the
 * listener was configured: issuer and signature, validity, purpose, SPIFFE ID. Only where there may be
 * intermediates, which Node doesn't tell a server, TLS has checked the path, and `chainFault` is what it
 * found wrong.
 * Source: SPIFFE X.509-SVID, section 5 (validation).
 */
export function siteIdentityOf(
  certificate: X509Certificate | undefined,
  rules: PeerRules,
  chainFault?: string,
): PeerVerdict {
  if (certificate === undefined) return refused('no client certificate was shown');
  if (rules.keys === 'any') {
    if (chainFault !== undefined)
      return refused(`the client certificate is not good: ${chainFault}`);
  } else if (!isByOne(rules.authorities, certificate)) {
    return refused('the client certificate is not from the CA of this provider', true);
  }
  if (rules.nowMs < certificate.validFromDate.getTime()) {
    return refused(
      `the client certificate is not valid before ${iso(certificate.validFromDate)}`,
      true,
    );
  }
  if (rules.nowMs > certificate.validToDate.getTime()) {
    return refused(`the client certificate expired at ${iso(certificate.validToDate)}`, true);
  }
  if (!isForClients(certificate)) return refused('the certificate is not one for clients');
  const site = parseSiteUri(certificate.subjectAltName, rules.trustDomain);
  if (site === undefined) return refused('the client certificate does not name a site');
  return { ok: true, site, publicKeyHash: publicKeyHashOf(certificate.publicKey) };
}

/**
 * The site that a certificate names, whoever issued it and whenever: a claim, good for nothing
 * without a look at the certificate's key.
 */
export function claimedSiteOf(
  certificate: X509Certificate | undefined,
  trustDomain: string,
): SiteId | undefined {
  if (certificate === undefined || !isForClients(certificate)) return undefined;
  return parseSiteUri(certificate.subjectAltName, trustDomain);
}

function isByOne(authorities: readonly X509Certificate[], certificate: X509Certificate): boolean {
  return authorities.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
}

function isForClients(certificate: X509Certificate): boolean {
  return !maySign(certificate) && new Set(certificate.keyUsage).has(id_kp_clientAuth);
}

/** The names of a certificate as Node prints them; the one URI among them is the SPIFFE ID of a site. */
function parseSiteUri(subjectAltName: string | undefined, trustDomain: string): SiteId | undefined {
  const prefix = `spiffe://${trustDomain}/`;
  const id = spiffeIdIn(subjectAltName);
  if (id?.startsWith(prefix) !== true) return undefined;
  const path = /^tenant\/([a-z0-9-]{1,63})\/site\/([a-z0-9-]{1,63})$/.exec(id.slice(prefix.length));
  const [, tenant, name] = path ?? [];
  return tenant === undefined || name === undefined ? undefined : { tenant, name };
}

function refused(reason: string, renewable = false): PeerVerdict {
  return { ok: false, reason, renewable };
}

function iso(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z');
}
