import { randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  Extensions,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
  type Extension,
} from '@peculiar/asn1-x509';
import { spkiOf } from './public-key.ts';

/** RFC 5758 section 3.2. */
export const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

const organizationName = '2.5.4.10';
const commonName = '2.5.4.3';

/** Subject or issuer of a certificate; each part at most 64 characters (RFC 5280 appendix A). */
export interface DistinguishedName {
  organization: string;
  commonName: string;
}

export interface CertificateOptions {
  subject: DistinguishedName;
  publicKey: KeyObject;
  issuer: DistinguishedName | Name;
  issuerKey: KeyObject;
  notBeforeMs: number;
  notAfterMs: number;
  extensions: Extension[];
}

/** Makes and signs an X.509 v3 certificate, ECDSA with SHA-256 (RFC 5280 section 4.1). */
export function signCertificate(options: CertificateOptions): X509Certificate {
  const signature = new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature,
    issuer: options.issuer instanceof Name ? options.issuer : nameOf(options.issuer),
    validity: new Validity({
      notBefore: wholeSeconds(options.notBeforeMs),
      notAfter: wholeSeconds(options.notAfterMs),
    }),
    subject: nameOf(options.subject),
    subjectPublicKeyInfo: AsnConvert.parse(spkiOf(options.publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions(options.extensions),
  });
  const signed = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), {
    key: options.issuerKey,
    dsaEncoding: 'der',
  });
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: signature,
    signatureValue: new Uint8Array(signed).buffer,
  });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate)));
}

/** The issuer's name in what a CA signs: its own, as it stands there (RFC 5280 section 4.1.2.4). */
export function issuedBy(ca: X509Certificate): Name {
  return AsnConvert.parse(ca.raw, Certificate).tbsCertificate.subject;
}

/** 126 random bits, positive and without leading zeros (RFC 5280 section 4.1.2.2). */
function serialNumber(): ArrayBuffer {
  const bytes = new Uint8Array(randomBytes(16));
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.buffer;
}

/** A name as its DER is made of. */
export function nameOf(name: DistinguishedName): Name {
  return new Name([
    relativeName(organizationName, name.organization),
    relativeName(commonName, name.commonName),
  ]);
}

function relativeName(type: string, value: string): RelativeDistinguishedName {
  return new RelativeDistinguishedName([
    new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String: value }) }),
  ]);
}

/** X.509 times have no fractions (RFC 5280 section 4.1.2.5). */
function wholeSeconds(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1000) * 1000);
}
