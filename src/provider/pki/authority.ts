import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { spiffeIdOf } from '../../kube/site.ts';
import { signCertificate, type DistinguishedName } from './certificate.ts';
import { PkiError } from './errors.ts';
import { newKey, pkcs8 } from './new-key.ts';
import { caExtensions, clientExtensions, serverExtensions } from './extensions.ts';
import { backdateMs, caLifetimeMs, servingLifetimeMs, siteLifetimeMs } from './lifetimes.ts';
import { publicKeyHashOf } from './public-key.ts';
import type { SiteId } from './site-identity.ts';

/** Certificate chain and private key, PEM. */
export interface KeyPairPem {
  certificate: string;
  privateKey: string;
}

/** A certificate for one of the provider's listeners. The chain ends with the CA, whose hash a joining device checks. */
export interface ServingKeyPair extends KeyPairPem {
  notBeforeMs: number;
  notAfterMs: number;
}

const caName: DistinguishedName = { organization: 'Towline', commonName: 'Towline CA' };

/** Makes a new CA, ECDSA on P-256. */
export function createCa(options: { trustDomain: string; nowMs: number }): KeyPairPem {
  const { publicKey, privateKey } = newKey();
  const certificate = signCertificate({
    subject: caName,
    publicKey,
    issuer: caName,
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

/** The provider's CA: issues the certificates of sites and of the provider's own listeners. */
export class CertificateAuthority {
  readonly certificate: X509Certificate;
  readonly trustDomain: string;
  /** How long a site's certificate is valid. */
  readonly siteLifetimeMs: number;
  readonly #key: KeyObject;
  readonly #nowMs: () => number;

  /** @throws PkiError `CA_INVALID` when the two don't belong together, or aren't a CA's. */
  constructor(options: {
    keyPair: KeyPairPem;
    trustDomain: string;
    siteLifetimeMs?: number;
    nowMs?: () => number;
  }) {
    const { certificate, key } = readCa(options.keyPair);
    this.certificate = certificate;
    this.trustDomain = options.trustDomain;
    this.siteLifetimeMs = options.siteLifetimeMs ?? siteLifetimeMs;
    this.#key = key;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** The CA's certificate, PEM. */
  get certificatePem(): string {
    return this.certificate.toString();
  }

  /** The CAs whose certificates count, and which sites are to trust, PEM. */
  get trustPem(): string {
    return this.certificatePem;
  }

  /** `sha256:<hex>` of the CA's SubjectPublicKeyInfo: `--ca-hash` in a join line. */
  get caHash(): string {
    return publicKeyHashOf(this.certificate.publicKey);
  }

  /** Certificate of a site, PEM: an X.509-SVID. `publicKey` must be ECDSA on P-256. */
  issueSite(site: SiteId, publicKey: KeyObject): string {
    return this.#issue({
      subject: { organization: site.tenant, commonName: site.name },
      publicKey,
      lifetimeMs: this.siteLifetimeMs,
      extensions: clientExtensions(spiffeIdOf(this.trustDomain, site), this.#keys(publicKey)),
    }).toString();
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
    const certificate = this.#issue({
      subject: { organization: 'Towline', commonName: 'Towline provider' },
      publicKey,
      lifetimeMs,
      extensions: serverExtensions(names, this.#keys(publicKey)),
    });
    return {
      certificate: certificate.toString() + this.certificatePem,
      privateKey: pkcs8(privateKey),
      notBeforeMs: certificate.validFromDate.getTime(),
      notAfterMs: certificate.validToDate.getTime(),
    };
  }

  #keys(publicKey: KeyObject): { publicKey: KeyObject; issuerPublicKey: KeyObject } {
    return { publicKey, issuerPublicKey: this.certificate.publicKey };
  }

  #issue(options: {
    subject: DistinguishedName;
    publicKey: KeyObject;
    lifetimeMs: number;
    extensions: Parameters<typeof signCertificate>[0]['extensions'];
  }): X509Certificate {
    const nowMs = this.#nowMs();
    return signCertificate({
      subject: options.subject,
      publicKey: options.publicKey,
      issuer: caName,
      issuerKey: this.#key,
      notBeforeMs: nowMs - backdateMs,
      notAfterMs: nowMs + options.lifetimeMs,
      extensions: options.extensions,
    });
  }
}

function readCa(keyPair: KeyPairPem): { certificate: X509Certificate; key: KeyObject } {
  let certificate, key;
  try {
    certificate = new X509Certificate(keyPair.certificate);
    key = createPrivateKey(keyPair.privateKey);
  } catch (cause) {
    throw new PkiError('CA_INVALID', 'the CA is not a certificate and a private key in PEM', {
      cause,
    });
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new PkiError('CA_INVALID', "the CA's private key does not belong to its certificate");
  }
  if (!certificate.ca) throw new PkiError('CA_INVALID', 'the certificate is not that of a CA');
  return { certificate, key };
}
