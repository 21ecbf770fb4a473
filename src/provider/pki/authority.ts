import type { KeyObject, X509Certificate } from 'node:crypto';
import { spiffeIdOf } from '../../kube/site.ts';
import { signCertificate } from './certificate.ts';
import { PkiError } from './errors.ts';
import { caExtensions, clientExtensions, serverExtensions } from './extensions.ts';
import { Issuer } from './issuer.ts';
import type { KeyPairPem } from './key-pair.ts';
import { backdateMs, caLifetimeMs, servingLifetimeMs, siteLifetimeMs } from './lifetimes.ts';
import { newKey, pkcs8 } from './new-key.ts';
import { publicKeyHashOf } from './public-key.ts';
import type { SiteId } from './site-identity.ts';

/** A certificate for one of the provider's listeners. The chain ends with the CA, whose hash a joining device checks. */
export interface ServingKeyPair extends KeyPairPem {
  notBeforeMs: number;
  notAfterMs: number;
}

/** The CA, and while it is rolled the one that follows it. */
export interface CaPairs {
  current: KeyPairPem;
  next?: KeyPairPem;
}

/** Makes a new CA, ECDSA on P-256. Its name is its own, so that two of them can be trusted at once. */
export function createCa(options: { trustDomain: string; nowMs: number }): KeyPairPem {
  const { publicKey, privateKey } = newKey();
  const digits = publicKeyHashOf(publicKey).slice('sha256:'.length, 'sha256:'.length + 8);
  const name = { organization: 'Towline', commonName: `Towline CA ${digits}` };
  const certificate = signCertificate({
    subject: name,
    publicKey,
    issuer: name,
    issuerKey: privateKey,
    notBeforeMs: options.nowMs - backdateMs,
    notAfterMs: options.nowMs + caLifetimeMs,
    extensions: caExtensions(`spiffe://${options.trustDomain}`, {
      publicKey,
      issuerPublicKey: publicKey,
    }),
  });
  return { certificate: certificate.toString(), privateKey: pkcs8(privateKey) };
}

/**
 * The provider's CA: issues the certificates of sites and of the provider's own listeners. While it is
 * rolled there are two. Both are trusted. The next one issues to sites, the current one still to
 * listeners, for there are sites and join lines that know no other.
 */
export class CertificateAuthority {
  readonly trustDomain: string;
  /** How long a site's certificate is valid. */
  readonly siteLifetimeMs: number;
  readonly #nowMs: () => number;
  #current: Issuer;
  #next: Issuer | undefined;

  /** @throws PkiError `CA_INVALID` when the two don't belong together, or aren't a CA's. */
  constructor(options: {
    keyPair: KeyPairPem;
    next?: KeyPairPem | undefined;
    trustDomain: string;
    siteLifetimeMs?: number;
    nowMs?: () => number;
  }) {
    this.#current = new Issuer(options.keyPair);
    this.#next = options.next && new Issuer(options.next);
    this.trustDomain = options.trustDomain;
    this.siteLifetimeMs = options.siteLifetimeMs ?? siteLifetimeMs;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** The CA that listeners have their certificates from. */
  get certificate(): X509Certificate {
    return this.#current.certificate;
  }

  /** The same, PEM. */
  get certificatePem(): string {
    return this.certificate.toString();
  }

  /** The CA that sites have their certificates from. */
  get siteIssuer(): X509Certificate {
    return this.#siteIssuer.certificate;
  }

  /** `sha256:<hex>` of that CA's SubjectPublicKeyInfo. */
  get siteIssuerHash(): string {
    return this.#siteIssuer.hash;
  }

  /** The CAs whose certificates count. */
  get trusted(): X509Certificate[] {
    return [this.#current, ...(this.#next ? [this.#next] : [])].map((ca) => ca.certificate);
  }

  /** The same, which sites are to trust, PEM. */
  get trustPem(): string {
    return this.trusted.map(String).join('');
  }

  /** `sha256:<hex>` of the SubjectPublicKeyInfo of the listeners' CA: `--ca-hash` in a join line. */
  get caHash(): string {
    return this.#current.hash;
  }

  /** The same of the CA that follows, while the CA is rolled. */
  get nextCaHash(): string | undefined {
    return this.#next?.hash;
  }

  /**
   * Goes on with these CAs. @returns whether they are others than before.
   * @throws PkiError `CA_INVALID`; then nothing has changed.
   */
  adopt({ current, next }: CaPairs): boolean {
    const [first, second] = [new Issuer(current), next && new Issuer(next)];
    if (first.hash === this.caHash && second?.hash === this.nextCaHash) return false;
    this.#current = first;
    this.#next = second;
    return true;
  }

  /** Certificate of a site, PEM: an X.509-SVID. `publicKey` must be ECDSA on P-256. */
  issueSite(site: SiteId, publicKey: KeyObject): string {
    const issuerPublicKey = this.siteIssuer.publicKey;
    const uri = spiffeIdOf(this.trustDomain, site);
    return this.#siteIssuer
      .issue({
        subject: { organization: site.tenant, commonName: site.name },
        publicKey,
        nowMs: this.#nowMs(),
        lifetimeMs: this.siteLifetimeMs,
        extensions: clientExtensions(uri, { publicKey, issuerPublicKey }),
      })
      .toString();
  }

  /**
   * A new key and certificate for a listener that is reached under these DNS names and IP addresses.
   * @throws PkiError `NAME_INVALID` when there is none.
   */
  issueServing(names: readonly string[], lifetimeMs: number = servingLifetimeMs): ServingKeyPair {
    if (names.length === 0) {
      throw new PkiError('NAME_INVALID', 'a serving certificate needs a DNS name or an IP address');
    }
    const { publicKey, privateKey } = newKey();
    const issuerPublicKey = this.certificate.publicKey;
    const certificate = this.#current.issue({
      subject: { organization: 'Towline', commonName: 'Towline provider' },
      publicKey,
      nowMs: this.#nowMs(),
      lifetimeMs,
      extensions: serverExtensions(names, { publicKey, issuerPublicKey }),
    });
    return {
      certificate: certificate.toString() + this.certificatePem,
      privateKey: pkcs8(privateKey),
      notBeforeMs: certificate.validFromDate.getTime(),
      notAfterMs: certificate.validToDate.getTime(),
    };
  }

  get #siteIssuer(): Issuer {
    return this.#next ?? this.#current;
  }
}
