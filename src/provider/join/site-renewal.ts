import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { JoinResponse } from '../../protocol/join.ts';
import type { CertificateAuthority } from '../pki/authority.ts';
import { PkiError } from '../pki/errors.ts';
import { parsePublicKey, publicKeyHashOf, spkiOf } from '../pki/public-key.ts';
import { claimedSiteOf, type SiteId } from '../pki/site-identity.ts';
import { JoinRefusedError } from './errors.ts';
import type { JoinSites } from './site-join.ts';
import { judgeKey } from './site-key.ts';

/**
 * Gives a site that was away for too long a new certificate. What counts is its key, which the TLS
 * handshake has proved: it must be the one that the Site recorded when it joined. Dates and issuer of
 * the old certificate don't matter, so that neither a year nor a new CA keeps a site out.
 */
export class SiteRenewal {
  readonly #sites: Pick<JoinSites, 'read'>;
  readonly #authority: CertificateAuthority;
  readonly #log: Logger;

  constructor(options: {
    sites: Pick<JoinSites, 'read'>;
    authority: CertificateAuthority;
    log: Logger;
  }) {
    this.#sites = options.sites;
    this.#authority = options.authority;
    this.#log = options.log;
  }

  /**
   * `certificate`: the one shown in the handshake.
   * @throws JoinRefusedError with what the device is to be told.
   */
  async renew(
    certificate: X509Certificate | undefined,
    signal?: AbortSignal,
  ): Promise<JoinResponse> {
    const site = claimedSiteOf(certificate, this.#authority.trustDomain);
    if (certificate === undefined || site === undefined) throw invalid();
    try {
      const key = parsePublicKey(spkiOf(certificate.publicKey));
      const publicKeyHash = publicKeyHashOf(key);
      await this.#requireKnown(site, publicKeyHash, signal);
      this.#log.info({ site, publicKeyHash }, 'certificate of a site renewed by its key');
      return {
        certificate: this.#authority.issueSite(site, key),
        ca: this.#authority.trustPem,
      };
    } catch (error) {
      throw this.#refusalOf(site, error);
    }
  }

  async #requireKnown(
    site: SiteId,
    publicKeyHash: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const verdict = judgeKey(await this.#sites.read(site, signal), publicKeyHash);
    const name = `${site.tenant}/${site.name}`;
    const anew = `join this device again, with "towlinectl site token ${site.name} -n ${site.tenant}"`;
    switch (verdict) {
      case 'known':
        return;
      case 'revoked':
        throw new JoinRefusedError('SITE_REVOKED', `site ${name} was revoked: ${anew}`);
      // Anybody can put any name in a certificate of his own: nobody learns which sites there are.
      case 'absent':
      case 'unknown':
        throw new JoinRefusedError(
          'KEY_UNKNOWN',
          `the key is not the one with which site ${name} joined last, or there is no such site: ${anew}`,
        );
    }
  }

  #refusalOf(site: SiteId, error: unknown): JoinRefusedError {
    if (error instanceof JoinRefusedError) {
      this.#log.info({ site, code: error.code }, 'renewal refused');
      return error;
    }
    if (error instanceof PkiError) {
      return new JoinRefusedError('REQUEST_INVALID', error.message, { cause: error });
    }
    this.#log.error({ site, err: error }, 'renewal failed');
    const text = 'the provider cannot reach its cluster at the moment: it is worth another try';
    return new JoinRefusedError('UNAVAILABLE', text, { cause: error });
  }
}

function invalid(): JoinRefusedError {
  return new JoinRefusedError(
    'REQUEST_INVALID',
    'no client certificate was shown that names a site: join this device again',
  );
}
