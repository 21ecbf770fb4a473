import type { JoinResponse } from '../../protocol/join.ts';
import { trustDigestOf } from '../../protocol/trust-bundle.ts';
import type { TunnelTls } from '../../tunnel/dial.ts';
import { publicPemOf } from './device-key.ts';
import { JoinError } from './errors.ts';
import { certificateFault, earliestTimeOf, type Identity } from './identity.ts';
import { IdentityDraft, loadIdentity } from './identity-dir.ts';

/** What this device proves its site by, renewed while it runs. */
export class SiteCredentials {
  readonly isRenewable = true;
  readonly #dir: string;
  readonly #keyPath: string | undefined;
  #identity: Identity;
  #stored: Promise<unknown> = Promise.resolve();

  /** `identity` is what `loadIdentity` gives for `dir` and `keyPath`. */
  constructor(options: { identity: Identity; dir: string; keyPath?: string | undefined }) {
    this.#identity = options.identity;
    this.#dir = options.dir;
    this.#keyPath = options.keyPath;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** For the next connection. */
  tls(): TunnelTls {
    const { certificate, privateKey, ca } = this.#identity;
    return { cert: certificate, key: privateKey, ca, earliestMs: earliestTimeOf(certificate) };
  }

  /** Tells the provider which CAs are trusted here. */
  trustDigest(): string {
    return trustDigestOf(this.#identity.ca);
  }

  /**
   * Takes what the state directory has, when this device has joined the same site anew since.
   * @returns whether anything is new. @throws JoinError as `loadIdentity`
   */
  async reload(): Promise<boolean> {
    const found = await loadIdentity(this.#dir, this.#keyPath);
    const { tenant, site, certificate } = this.#identity;
    if (found.certificate === certificate) return false;
    if (found.tenant !== tenant || found.site !== site) {
      throw new JoinError(
        'IDENTITY_INVALID',
        `this device has joined site ${found.tenant}/${found.site} since: restart the runner`,
      );
    }
    this.#identity = found;
    return true;
  }

  /**
   * Takes a new certificate for the same key, and the CAs to trust from now on. It counts for the
   * next connection, even when it can't be stored.
   * @throws JoinError `RESPONSE_INVALID` when it doesn't fit, `STATE_DIR_UNUSABLE`
   */
  async install({ certificate, ca }: JoinResponse): Promise<void> {
    const identity = { ...this.#identity, certificate, ca };
    const publicKey = publicPemOf(identity.privateKey);
    const fault = certificateFault({ ...identity, publicKey, site: identity });
    if (fault !== undefined) {
      throw new JoinError('RESPONSE_INVALID', `the new certificate is of no use: ${fault}`);
    }
    this.#identity = identity;
    const store = this.#stored.then(() => this.#store(identity));
    this.#stored = store.catch(() => undefined);
    await store;
  }

  async #store(identity: Identity): Promise<void> {
    const stored = await loadIdentity(this.#dir, this.#keyPath);
    if (stored.privateKey !== identity.privateKey) {
      throw new JoinError(
        'IDENTITY_INVALID',
        'this device has joined anew since, with another key',
      );
    }
    const draft = await IdentityDraft.begin(this.#dir, { replace: true });
    try {
      await draft.commit(identity);
    } catch (error) {
      await draft.discard();
      throw error;
    }
  }
}
