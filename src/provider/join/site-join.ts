import type { KeyObject } from 'node:crypto';
import type { Logger } from 'pino';
import { setCondition } from './set-condition.ts';
import { isRevoked, type Site } from '../../kube/site.ts';
import type { JoinRequest, JoinResponse } from '../../protocol/join.ts';
import type { CertificateAuthority } from '../pki/authority.ts';
import { PkiError } from '../pki/errors.ts';
import { publicKeyHashOf } from '../pki/public-key.ts';
import type { SiteId } from '../pki/site-identity.ts';
import { JoinRefusedError } from './errors.ts';
import { maxRedemptionTries } from './limits.ts';
import { provenKeyOf } from './proof.ts';
import { judgeToken, tokenHashOf } from './token.ts';

/** The cluster's Sites, read and written directly, never from a cache. */
export interface JoinSites {
  /** `undefined` when there is none. Rejects when the cluster can't be asked. */
  read(site: SiteId, signal?: AbortSignal): Promise<Site | undefined>;
  /** Replaces the status, given that nobody changed the object since it was read. */
  writeStatus(site: Site, signal?: AbortSignal): Promise<'written' | 'conflict' | 'gone'>;
}

/** Lets a device in: redeems its token for a certificate of its site. */
export class SiteJoin {
  readonly #sites: JoinSites;
  readonly #authority: CertificateAuthority;
  readonly #siteOfToken: (tokenHash: string) => SiteId | undefined;
  readonly #log: Logger;
  readonly #nowMs: () => number;

  constructor(options: {
    sites: JoinSites;
    /** The site whose newest token this is, as a cache has it. */
    siteOfToken?: (tokenHash: string) => SiteId | undefined;
    authority: CertificateAuthority;
    log: Logger;
    nowMs?: () => number;
  }) {
    this.#sites = options.sites;
    this.#siteOfToken = options.siteOfToken ?? (() => undefined);
    this.#authority = options.authority;
    this.#log = options.log;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /**
   * Redeems a token. The certificate leaves this process only after the cluster has noted the token
   * as used, in a write that fails when anybody else redeemed it meanwhile.
   * @throws JoinRefusedError with what the device is to be told.
   */
  async join(request: JoinRequest, signal?: AbortSignal): Promise<JoinResponse> {
    const site = { tenant: request.tenant, name: request.site };
    try {
      const key = provenKeyOf(request);
      const certificate = this.#authority.issueSite(site, key);
      await this.#redeem(site, key, request.token, signal);
      this.#log.info({ site, publicKeyHash: publicKeyHashOf(key) }, 'site joined');
      return { certificate, ca: this.#authority.trustPem };
    } catch (error) {
      throw this.#refusalOf(site, error);
    }
  }

  async #redeem(
    id: SiteId,
    key: KeyObject,
    token: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const presented = { tokenHash: tokenHashOf(token), publicKeyHash: publicKeyHashOf(key) };
    for (let tries = 0; tries < maxRedemptionTries; tries += 1) {
      const site = await this.#sites.read(id, signal);
      const verdict = judgeToken(site, presented, this.#nowMs());
      if (site !== undefined && isRevoked(site, presented.publicKeyHash)) {
        throw refusal('SITE_REVOKED', id);
      }
      if (verdict === 'reissue') return;
      if (verdict === 'TOKEN_UNKNOWN') throw this.#unknownToken(presented.tokenHash, id);
      if (verdict !== 'redeem' || site === undefined) throw refusal(verdict, id);
      const outcome = await this.#sites.writeStatus(this.#redeemed(site, presented), signal);
      if (outcome === 'written') return;
      if (outcome === 'gone') throw refusal('SITE_NOT_FOUND', id);
    }
    throw refusal('UNAVAILABLE', id);
  }

  /** Who has the token of another site may hear that he mixed up two lines. */
  #unknownToken(tokenHash: string, id: SiteId): JoinRefusedError {
    const owner = this.#siteOfToken(tokenHash);
    return refusal(owner === undefined ? 'TOKEN_UNKNOWN' : 'TOKEN_OF_OTHER_SITE', id);
  }

  #redeemed(site: Site, presented: { tokenHash: string; publicKeyHash: string }): Site {
    const joined = {
      type: 'Joined',
      status: 'True' as const,
      reason: 'TokenRedeemed',
      message: 'A device joined with a token of this site.',
    };
    return {
      ...site,
      status: {
        ...site.status,
        redeemedTokenHash: presented.tokenHash,
        publicKeyHash: presented.publicKeyHash,
        caHash: this.#authority.siteIssuerHash,
        conditions: setCondition(site.status?.conditions ?? [], joined, this.#nowMs()),
      },
    };
  }

  #refusalOf(site: SiteId, error: unknown): JoinRefusedError {
    if (error instanceof JoinRefusedError) {
      this.#log.info({ site, code: error.code }, 'join refused');
      return error;
    }
    if (error instanceof PkiError && error.code === 'KEY_UNSUPPORTED') {
      return new JoinRefusedError('REQUEST_INVALID', error.message, { cause: error });
    }
    this.#log.error({ site, err: error }, 'join failed');
    return new JoinRefusedError('UNAVAILABLE', unavailable, { cause: error });
  }
}

const unavailable = 'the provider cannot reach its cluster at the moment: try again in a minute';

const texts = {
  TOKEN_UNKNOWN: (s: SiteId) =>
    `the token is not one of site ${s.tenant}/${s.name}, or there is no such site: ${newToken(s)}`,
  TOKEN_OF_OTHER_SITE: (s: SiteId) =>
    `the token is one of another site than ${s.tenant}/${s.name}: use the whole line that was printed with it, or ${newToken(s)}`,
  TOKEN_EXPIRED: (s: SiteId) => `the token has expired: ${newToken(s)}`,
  TOKEN_USED: (s: SiteId) => `the token was used before, and works only once: ${newToken(s)}`,
  SITE_NOT_FOUND: (s: SiteId) =>
    `site ${s.tenant}/${s.name} was deleted just now: create it again with "towlinectl site create"`,
  SITE_REVOKED: (s: SiteId) =>
    `this key of site ${s.tenant}/${s.name} was revoked: ${newToken(s)} and join with --force`,
  UNAVAILABLE: () => unavailable,
};

function refusal(verdict: keyof typeof texts | 'redeem', site: SiteId): JoinRefusedError {
  const code = verdict === 'redeem' ? 'TOKEN_UNKNOWN' : verdict;
  return new JoinRefusedError(code, texts[code](site));
}

function newToken(site: SiteId): string {
  return `get a new one with "towlinectl site token ${site.name} -n ${site.tenant}"`;
}
