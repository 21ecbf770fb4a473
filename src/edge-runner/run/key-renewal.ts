import type { Logger } from 'pino';
import type { TunnelError } from '../../tunnel/errors.ts';
import { JoinError } from '../join/errors.ts';
import { renewSite } from '../join/renew-site.ts';
import type { LinkCredentials } from './link-credentials.ts';

interface KeyRenewalOptions {
  credentials: LinkCredentials;
  environment: Record<string, string | undefined>;
  log: Logger;
}

/** HTTP statuses with which a provider says that it doesn't take the certificate, or the key. */
const unauthorized = 401;
const forbidden = 403;

/**
 * Helps itself once the provider takes the certificate no more: uses the identity of a new join, or
 * asks for a new certificate by the key.
 */
export class KeyRenewal {
  readonly #options: KeyRenewalOptions;

  constructor(options: KeyRenewalOptions) {
    this.#options = options;
  }

  /**
   * Hears why a dial failed; the next one waits for this, and has the new certificate. Never rejects.
   * @returns whether there is a new certificate
   */
  async dialFailed({ code, detail }: TunnelError, signal: AbortSignal): Promise<boolean> {
    if (code !== 'HTTP_REJECTED') return false;
    if (detail.status !== unauthorized && detail.status !== forbidden) return false;
    const { credentials, environment, log } = this.#options;
    try {
      if (await credentials.reload()) {
        log.info('this device has a new identity, which is used from now on');
        return true;
      }
      if (detail.status === forbidden || !credentials.isRenewable) return false;
      const { identity } = credentials;
      await credentials.install(await renewSite({ identity, environment, signal }));
      log.info("the site's certificate was renewed by its key");
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const fields = error instanceof JoinError ? { code: error.code } : { err: error };
      const why = error instanceof Error ? error.message : String(error);
      log.warn(fields, `the site's certificate was not renewed: ${why}`);
      return false;
    }
  }
}
