import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { readSvid, spiffeIdIn, type SvidPems } from '../../tunnel/svid.ts';
import { PkiError } from './errors.ts';
import { svidFilesCheckMs } from './lifetimes.ts';
import type { SecureServer } from './serving-certificate.ts';

/** Where spiffe-helper, or something like it, keeps an SVID: certificate, key and bundle, PEM. */
export interface SvidFileNames {
  certificate: string;
  privateKey: string;
  bundle: string;
}

/**
 * The identity of the provider and the CAs of its sites, from files that an outside SPIFFE authority
 * rotates. They are read again every few seconds; listeners that are attached take what is new for
 * their next connections, and the connections they have go on. Three files are never replaced at once:
 * what doesn't fit together, or what a listener's TLS refuses, is left, and the last that did counts.
 */
export class SvidFiles {
  readonly trustDomain: string;
  readonly #names: SvidFileNames;
  readonly #log: Logger;
  readonly #listeners = new Set<() => void>();
  #pems: SvidPems;
  #trusted: X509Certificate[];
  /** What was refused last, to be told once. */
  #refused = '';

  private constructor(
    options: { names: SvidFileNames; trustDomain: string; log: Logger },
    pems: SvidPems,
    trusted: X509Certificate[],
  ) {
    this.#names = options.names;
    this.trustDomain = options.trustDomain;
    this.#log = options.log;
    this.#pems = pems;
    this.#trusted = trusted;
  }

  /** @throws PkiError `SVID_INVALID` */
  static async load(options: {
    names: SvidFileNames;
    trustDomain: string;
    log: Logger;
  }): Promise<SvidFiles> {
    const found = await read(options.names, options.trustDomain);
    if (found.ok) return new SvidFiles(options, found.pems, found.trusted);
    const { certificate } = options.names;
    throw new PkiError('SVID_INVALID', `--svid-file ${certificate}: ${found.fault}`);
  }

  /** The provider's own, by the SVID that counts now. */
  get spiffeId(): string | undefined {
    return spiffeIdIn(new X509Certificate(this.#pems.certificate).subjectAltName);
  }

  get current(): { certificate: string; privateKey: string } {
    return this.#pems;
  }

  /** The CAs whose certificates count. */
  get trusted(): X509Certificate[] {
    return this.#trusted;
  }

  get trustPem(): string {
    return this.#trusted.map(String).join('');
  }

  /** As `ServingCertificate.attach`. */
  attach(server: SecureServer, rest: () => SecureContextOptions): () => void {
    const listener = (): void => {
      const { certificate, privateKey } = this.#pems;
      server.setSecureContext({ ...rest(), cert: certificate, key: privateKey });
    };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(svidFilesCheckMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      await this.look();
    }
  }

  /** Takes what the files have, if that is new and of use. */
  async look(): Promise<void> {
    const found = await read(this.#names, this.trustDomain);
    const isSame = found.ok && JSON.stringify(found.pems) === JSON.stringify(this.#pems);
    const fault = isSame ? undefined : found.ok ? this.#take(found) : found.fault;
    if (fault !== undefined && fault !== this.#refused) {
      this.#log.warn({ files: this.#names, fault }, 'the SVID is not taken (yet)');
    }
    this.#refused = fault ?? '';
    if (isSame || fault !== undefined) return;
    const until = new X509Certificate(this.#pems.certificate).validToDate;
    this.#log.info({ until }, 'the SVID, or the bundle, is new');
  }

  /** @returns why a listener refused it, when all have what they had. */
  #take({ pems, trusted }: Found & { ok: true }): string | undefined {
    const [pemsBefore, trustedBefore] = [this.#pems, this.#trusted];
    this.#pems = pems;
    this.#trusted = trusted;
    const fault = this.#tell();
    if (fault === undefined) return undefined;
    this.#pems = pemsBefore;
    this.#trusted = trustedBefore;
    this.#tell();
    return fault;
  }

  /** @returns why the last listener that refused what counts now did so. TLS has rules of its own. */
  #tell(): string | undefined {
    let fault: string | undefined;
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        fault = error instanceof Error ? error.message : String(error);
      }
    }
    return fault;
  }
}

type Found =
  { ok: true; pems: SvidPems; trusted: X509Certificate[] } | { ok: false; fault: string };

async function read(names: SvidFileNames, trustDomain: string): Promise<Found> {
  const found = await readPems(names);
  if (typeof found === 'string') return { ok: false, fault: found };
  const verdict = readSvid(found);
  if (!verdict.ok) return verdict;
  const { spiffeId, authorities, pems } = verdict;
  if (!spiffeId.startsWith(`spiffe://${trustDomain}/`)) {
    return { ok: false, fault: `${spiffeId} is not of the trust domain ${trustDomain}` };
  }
  return { ok: true, pems, trusted: authorities };
}

/** What can't be read is a fault as well. */
async function readPems(names: SvidFileNames): Promise<SvidPems | string> {
  try {
    const [certificate, privateKey, bundle] = await Promise.all([
      readFile(names.certificate, 'utf8'),
      readFile(names.privateKey, 'utf8'),
      readFile(names.bundle, 'utf8'),
    ]);
    return { certificate, privateKey, bundle };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
