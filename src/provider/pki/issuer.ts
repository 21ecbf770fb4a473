import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { Extension } from '@peculiar/asn1-x509';
import { issuedBy, signCertificate, type DistinguishedName } from './certificate.ts';
import { PkiError } from './errors.ts';
import { backdateMs } from './lifetimes.ts';
import type { KeyPairPem } from './key-pair.ts';
import { publicKeyHashOf } from './public-key.ts';

/** A CA's certificate with its key: what signs certificates. */
export class Issuer {
  readonly certificate: X509Certificate;
  /** `sha256:<hex>` of the CA's SubjectPublicKeyInfo. */
  readonly hash: string;
  readonly #key: KeyObject;

  /** @throws PkiError `CA_INVALID` when the two don't belong together, or aren't a CA's. */
  constructor(keyPair: KeyPairPem) {
    const { certificate, key } = readCa(keyPair);
    this.certificate = certificate;
    this.hash = publicKeyHashOf(certificate.publicKey);
    this.#key = key;
  }

  issue(options: {
    subject: DistinguishedName;
    publicKey: KeyObject;
    nowMs: number;
    lifetimeMs: number;
    extensions: Extension[];
  }): X509Certificate {
    return signCertificate({
      subject: options.subject,
      publicKey: options.publicKey,
      issuer: issuedBy(this.certificate),
      issuerKey: this.#key,
      notBeforeMs: options.nowMs - backdateMs,
      notAfterMs: options.nowMs + options.lifetimeMs,
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
