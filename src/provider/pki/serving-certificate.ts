import { setTimeout as delay } from 'node:timers/promises';
import type { SecureContextOptions } from 'node:tls';
import type { CertificateAuthority, ServingKeyPair } from './authority.ts';
import { renewAfterShare, renewalCheckMs, servingLifetimeMs } from './lifetimes.ts';

/** The part of `tls.Server` that takes a new certificate for the connections to come. */
export interface SecureServer {
  setSecureContext(options: SecureContextOptions): void;
}

/**
 * The certificate of one or several listeners under one set of names, renewed at two thirds of its
 * lifetime. Listeners that are attached take each new one for their next connections; the
 * connections they have go on.
 */
export class ServingCertificate {
  readonly #authority: CertificateAuthority;
  readonly #names: readonly string[];
  readonly #lifetimeMs: number;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<(pair: ServingKeyPair) => void>();
  #current: ServingKeyPair;

  constructor(options: {
    authority: CertificateAuthority;
    /** DNS names and IP addresses. */
    names: readonly string[];
    lifetimeMs?: number;
    nowMs?: () => number;
  }) {
    this.#authority = options.authority;
    this.#names = options.names;
    this.#lifetimeMs = options.lifetimeMs ?? servingLifetimeMs;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#current = this.#issue();
  }

  get current(): ServingKeyPair {
    return this.#current;
  }

  /**
   * Gives a server every certificate from the next one on, with the other options of its secure
   * context (Node replaces them all together).
   * @returns a function that ends it.
   */
  attach(server: SecureServer, rest: () => SecureContextOptions): () => void {
    const listener = (pair: ServingKeyPair): void => {
      server.setSecureContext({ ...rest(), cert: pair.certificate, key: pair.privateKey });
    };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Renews in time until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = Math.min(Math.max(this.#dueAtMs() - this.#nowMs(), 0), renewalCheckMs);
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      this.renewIfDue();
    }
  }

  /** @returns whether there is a new certificate. */
  renewIfDue(): boolean {
    if (this.#nowMs() < this.#dueAtMs()) return false;
    this.renew();
    return true;
  }

  /** At once, as when the CA is another. */
  renew(): void {
    this.#current = this.#issue();
    for (const listener of this.#listeners) listener(this.#current);
  }

  #issue(): ServingKeyPair {
    return this.#authority.issueServing(this.#names, this.#lifetimeMs);
  }

  #dueAtMs(): number {
    return this.#current.notAfterMs - this.#lifetimeMs * (1 - renewAfterShare);
  }
}
