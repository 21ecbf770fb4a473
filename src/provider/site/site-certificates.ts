import { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import { trustDigestOf } from '../../protocol/trust-bundle.ts';
import { maxNodeWrites } from '../limits.ts';
import type { CertificateAuthority } from '../pki/authority.ts';
import {
  renewAfterShare,
  renewalCheckMs,
  renewalReplyTimeoutMs,
  renewalRetryMs,
} from '../pki/lifetimes.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import { askSite } from './ask-site.ts';
import type { SitePeer } from './site-peer.ts';
import type { SiteRegistry } from './site-registry.ts';
import type { SiteSession } from './site-session.ts';

export interface SiteCertificatesOptions {
  authority: CertificateAuthority;
  registry: Pick<SiteRegistry, 'get' | 'nodeNames' | 'subscribe'>;
  log: Logger;
  /** A site is known to have a certificate of this CA (`sha256:<hex>` of its key), and to trust it. */
  onHeld?: (nodeName: string, caHash: string) => void;
  nowMs?: () => number;
}

/** What a site holds, as far as this process knows. */
interface Held {
  certificate: X509Certificate;
  trustDigest: string;
}

/**
 * Renews the certificates of connected sites over their tunnels: at two thirds of their lifetime, and
 * when the CA or the CAs to trust have changed. It is the provider that begins, by its own clock, so
 * that the clock of a device doesn't matter. The connection goes on; the next one is made with the
 * new certificate.
 */
export class SiteCertificates {
  readonly #options: SiteCertificatesOptions;
  readonly #queue: ReconcileQueue;
  /** Of connections on which a certificate was renewed. */
  readonly #renewed = new WeakMap<SiteSession, Held>();

  constructor(options: SiteCertificatesOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'certificates',
      reconcile: (nodeName, signal) => this.#reconcile(nodeName, signal),
      concurrency: maxNodeWrites,
      log: options.log,
    });
    options.registry.subscribe((nodeName) => {
      this.#queue.add(nodeName);
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  /** The CA, or the CAs to trust, have changed. */
  authorityChanged(): void {
    for (const nodeName of this.#options.registry.nodeNames()) this.#queue.add(nodeName);
  }

  async #reconcile(nodeName: string, signal: AbortSignal): Promise<void> {
    const { authority, registry, onHeld } = this.#options;
    const session = registry.get(nodeName);
    const peer = session?.peer;
    if (session === undefined || peer?.trustDigest === undefined) return;
    const { certificate, trustDigest } = peer;
    const held = this.#renewed.get(session) ?? { certificate, trustDigest };
    if (this.#waitMs(held) > 0 || (await this.#renew(session, peer, signal))) {
      const next = this.#renewed.get(session) ?? held;
      if (this.#isOfToday(next)) onHeld?.(nodeName, authority.siteIssuerHash);
      this.#queue.addAfter(nodeName, Math.min(Math.max(this.#waitMs(next), 0), renewalCheckMs));
    } else this.#queue.addAfter(nodeName, renewalRetryMs);
  }

  /** Until the certificate is due, in ms. */
  #waitMs(held: Held): number {
    const { authority, nowMs = Date.now } = this.#options;
    if (!this.#isOfToday(held)) return 0;
    const leftMs = held.certificate.validToDate.getTime() - nowMs();
    return leftMs - authority.siteLifetimeMs * (1 - renewAfterShare);
  }

  #isOfToday({ certificate, trustDigest }: Held): boolean {
    const { authority } = this.#options;
    const isIssued = certificate.checkIssued(authority.siteIssuer);
    return isIssued && trustDigest === trustDigestOf(authority.trustPem);
  }

  /** @returns false when the site didn't take it; rejects when it could not be asked. */
  async #renew(session: SiteSession, peer: SitePeer, signal: AbortSignal): Promise<boolean> {
    const { authority, log } = this.#options;
    const { nodeName } = session;
    const pem = authority.issueSite(peer.site, peer.certificate.publicKey);
    const ca = authority.trustPem;
    const head = { type: 'certificate', certificate: pem, ca } as const;
    const reply = await askSite(session, head, { timeoutMs: renewalReplyTimeoutMs, signal });
    if (!reply.ok) {
      log.warn({ node: nodeName, reply: reply.message }, 'the site did not take its certificate');
      return false;
    }
    const certificate = new X509Certificate(pem);
    this.#renewed.set(session, { certificate, trustDigest: trustDigestOf(ca) });
    log.info({ node: nodeName, until: certificate.validToDate }, 'certificate of the site renewed');
    return true;
  }
}
