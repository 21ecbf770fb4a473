import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { TunnelTls } from '../../tunnel/dial.ts';
import { readSvid, type SvidPems } from '../../tunnel/svid.ts';
import { JoinError, systemCodeOf } from './errors.ts';
import { earliestTimeOf, type Identity } from './identity.ts';

/** Where spiffe-helper, or something like it, keeps an SVID: certificate, key and bundle, PEM. */
export interface SvidOptions {
  certificate: string;
  privateKey: string;
  bundle: string;
  /** `wss://host:port` of the providers. */
  addresses: string[];
  /** SPIFFE ID of the providers. */
  providerId: string;
}

/**
 * What this device proves its site by, from files that an outside SPIFFE authority rotates. They are
 * read for each dial; where they don't fit together, being replaced just then, what did last counts.
 */
export class SvidCredentials {
  readonly isRenewable = false;
  readonly #options: SvidOptions;
  readonly #log: Logger;
  #identity: Identity;

  /** @throws JoinError `IDENTITY_INVALID` */
  constructor(options: SvidOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#identity = read(options);
  }

  get identity(): Identity {
    return this.#identity;
  }

  tls(): TunnelTls {
    this.#look();
    const { certificate, privateKey, ca } = this.#identity;
    const { providerId: spiffeId } = this.#options;
    const earliestMs = earliestTimeOf(certificate);
    return { cert: certificate, key: privateKey, ca, spiffeId, earliestMs };
  }

  trustDigest(): undefined {
    return undefined;
  }

  reload(): Promise<boolean> {
    return Promise.resolve(this.#look());
  }

  install(): Promise<never> {
    const text =
      'this device has its certificates from a SPIFFE authority, and takes none from the provider';
    return Promise.reject(new JoinError('IDENTITY_INVALID', text));
  }

  /** @returns whether anything is new. */
  #look(): boolean {
    try {
      const found = read(this.#options);
      const { tenant, site, certificate, ca } = this.#identity;
      if (found.tenant !== tenant || found.site !== site) {
        throw invalid(
          this.#options,
          `it is now of site ${found.tenant}/${found.site}: restart the runner`,
        );
      }
      this.#identity = found;
      return found.certificate !== certificate || found.ca !== ca;
    } catch (error) {
      if (!(error instanceof JoinError)) throw error;
      this.#log.warn({ code: error.code }, `the SVID is not taken (yet): ${error.message}`);
      return false;
    }
  }
}

/** @throws JoinError `IDENTITY_INVALID` */
function read(options: SvidOptions): Identity {
  const verdict = readSvid(readPems(options));
  if (!verdict.ok) throw invalid(options, verdict.fault);
  const path = /^spiffe:\/\/[^/]+\/tenant\/([a-z0-9-]{1,63})\/site\/([a-z0-9-]{1,63})$/;
  const [, tenant, site] = path.exec(verdict.spiffeId) ?? [];
  if (tenant === undefined || site === undefined) {
    throw invalid(
      options,
      `${verdict.spiffeId} is not that of a site: spiffe://TRUST-DOMAIN/tenant/TENANT/site/SITE`,
    );
  }
  const { certificate, privateKey, bundle: ca } = verdict.pems;
  return { tenant, site, addresses: options.addresses, certificate, privateKey, ca };
}

function readPems(options: SvidOptions): SvidPems {
  try {
    return {
      certificate: readFileSync(options.certificate, 'utf8'),
      privateKey: readFileSync(options.privateKey, 'utf8'),
      bundle: readFileSync(options.bundle, 'utf8'),
    };
  } catch (error) {
    throw invalid(options, `a file of it cannot be read (${systemCodeOf(error) ?? String(error)})`);
  }
}

function invalid({ certificate }: SvidOptions, fault: string): JoinError {
  return new JoinError('IDENTITY_INVALID', `the SVID in ${certificate} is of no use: ${fault}`);
}
