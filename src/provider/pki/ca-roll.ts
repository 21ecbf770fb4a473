import type { Logger } from 'pino';
import { type CaRequest, needOfOldCa, parseCaRequest } from '../../kube/ca-roll.ts';
import type { Site } from '../../kube/site.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import { createCa, type CaPairs, type CertificateAuthority } from './authority.ts';
import { readCa, storeCa, type CaSecrets, type StoredCa } from './ca-secret.ts';
import { caRollCheckMs } from './lifetimes.ts';

export interface CaRollOptions {
  authority: CertificateAuthority;
  secrets: CaSecrets;
  /** What a person has asked for last: the value of `caRequestAnnotation`. */
  request: () => string | undefined;
  /** All Sites of the cluster. */
  sites: () => readonly Site[];
  /** The authority has other CAs than before. A rejection has the roll looked at again. */
  onChange: (signal: AbortSignal) => Promise<void>;
  log: Logger;
  nowMs?: () => number;
}

/**
 * Rolls the CA with an overlap, as docs/decisions/0027 tells. What counts is the Secret: it is written first,
 * and with it which request that was, so that a crash, or another provider, carries out none twice.
 */
export class CaRoll {
  readonly #options: CaRollOptions;
  readonly #queue: ReconcileQueue;
  /** Whether `onChange` is still to be told of something. */
  #untold = false;

  constructor(options: CaRollOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'ca',
      reconcile: (_key, signal) => this.#reconcile(signal),
      concurrency: 1,
      log: options.log,
    });
  }

  /** The request or a Site has changed. */
  look(): void {
    this.#queue.add('ca');
  }

  /** As `look`, for what matters only while the CA is rolled. */
  siteChanged(): void {
    if (this.#options.authority.nextCaHash !== undefined) this.look();
  }

  async run(signal: AbortSignal): Promise<void> {
    this.look();
    await this.#queue.run(signal);
  }

  async #reconcile(signal: AbortSignal): Promise<void> {
    const { authority, secrets, log } = this.#options;
    const stored = await readCa(secrets, signal);
    if (stored === undefined) {
      log.warn(
        'the Secret of the CA is gone: restore it, or this provider makes another at its next start',
      );
      return;
    }
    await this.#adopt(stored, signal);
    const wanted = this.#plan(stored, (this.#options.nowMs ?? Date.now)());
    if (wanted !== undefined) {
      await storeCa(secrets, wanted, signal);
      // What is stored now is read again and taken on, whoever stored it.
      this.look();
    } else if (authority.nextCaHash !== undefined) this.#queue.addAfter('ca', caRollCheckMs);
  }

  async #adopt({ pairs }: StoredCa, signal: AbortSignal): Promise<void> {
    const { authority, log, onChange } = this.#options;
    this.#untold ||= authority.adopt(pairs);
    if (!this.#untold) return;
    const { caHash, nextCaHash } = authority;
    log.info({ caHash, nextCaHash }, 'the CA has changed');
    await onChange(signal);
    this.#untold = false;
  }

  /** What is to be stored in place of what is, if anything. */
  #plan(stored: StoredCa, nowMs: number): StoredCa | undefined {
    const { request, log } = this.#options;
    const text = request();
    const asked = parseCaRequest(text);
    if (asked !== undefined && text !== stored.done) {
      const pairs = this.#carriedOut(asked.action, stored.pairs, nowMs);
      if (pairs === stored.pairs) log.warn({ request: text }, 'nothing is done for this request');
      return { ...stored, pairs, done: text };
    }
    const retired = retire(stored.pairs);
    if (retired === stored.pairs || this.#isNeeded(nowMs)) return undefined;
    return { ...stored, pairs: retired };
  }

  /** Who asks may know less of the Sites than is known here, or have asked nobody: the check is made again. */
  #carriedOut(action: CaRequest['action'], pairs: CaPairs, nowMs: number): CaPairs {
    if (action === 'force-retire') return retire(pairs);
    if (action === 'retire') return this.#isNeeded(nowMs) ? pairs : retire(pairs);
    if (pairs.next !== undefined) return pairs;
    const { trustDomain } = this.#options.authority;
    return { ...pairs, next: createCa({ trustDomain, nowMs }) };
  }

  /** Whether anybody would be shut out without the current CA. */
  #isNeeded(nowMs: number): boolean {
    const { authority, sites } = this.#options;
    const { nextCaHash } = authority;
    if (nextCaHash === undefined) return true;
    return sites().some((site) => needOfOldCa(site, nextCaHash, nowMs) !== undefined);
  }
}

/** The next CA in the place of the current one. */
function retire(pairs: CaPairs): CaPairs {
  return pairs.next === undefined ? pairs : { current: pairs.next };
}
