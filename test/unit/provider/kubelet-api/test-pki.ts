import {
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_subjectAltName,
  id_kp_clientAuth,
  id_kp_serverAuth,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

export interface KeyAndCertificate {
  cert: string;
  key: string;
}

export interface Subject {
  /** In their order. */
  commonNames?: string[];
  organizations?: string[];
  usage?: 'client' | 'server' | 'ca';
  notBefore?: Date;
  notAfter?: Date;
}

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const dayMs = 86_400_000;

/** An authority of its own. */
export class TestCa {
  readonly cert: string;
  readonly #name: Name;
  readonly #key: KeyObject;

  constructor(commonName: string) {
    const { publicKey, privateKey } = newKeys();
    this.#name = nameOf({ commonNames: [commonName] });
    this.#key = privateKey;
    this.cert = this.#sign({ usage: 'ca' }, this.#name, publicKey);
  }

  issue(subject: Subject): KeyAndCertificate {
    const { publicKey, privateKey } = newKeys();
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: this.#sign(subject, nameOf(subject), publicKey), key };
  }

  /** What the holder of a certificate of this CA signs with its key, its own certificate behind it. */
  issueBy(holder: Subject, subject: Subject): KeyAndCertificate {
    const [parent, child] = [newKeys(), newKeys()];
    const issuer = { name: nameOf(holder), key: parent.privateKey };
    const key = child.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const cert = this.#sign(subject, nameOf(subject), child.publicKey, issuer);
    return { cert: cert + this.#sign(holder, nameOf(holder), parent.publicKey), key };
  }

  #sign(
    subject: Subject,
    name: Name,
    publicKey: KeyObject,
    issuer = { name: this.#name, key: this.#key },
  ): string {
    const signature = new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const tbsCertificate = new TBSCertificate({
      version: Version.v3,
      serialNumber: new Uint8Array([1, ...randomBytes(8)]).buffer,
      signature,
      issuer: issuer.name,
      validity: new Validity({
        notBefore: wholeSeconds(subject.notBefore ?? new Date(Date.now() - dayMs)),
        notAfter: wholeSeconds(subject.notAfter ?? new Date(Date.now() + dayMs)),
      }),
      subject: name,
      subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
      extensions: new Extensions(extensionsOf(subject)),
    });
    const signatureValue = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), {
      key: issuer.key,
      dsaEncoding: 'der',
    });
    const certificate = new Certificate({
      tbsCertificate,
      signatureAlgorithm: signature,
      signatureValue: new Uint8Array(signatureValue).buffer,
    });
    return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString();
  }
}

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function nameOf(subject: Subject): Name {
  const part = (type: string, text: string): RelativeDistinguishedName =>
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String: text }) }),
    ]);
  return new Name([
    ...(subject.organizations ?? []).map((text) => part('2.5.4.10', text)),
    ...(subject.commonNames ?? []).map((text) => part('2.5.4.3', text)),
  ]);
}

function extensionsOf(subject: Subject): Extension[] {
  const { usage = 'client' } = subject;
  if (usage === 'ca') {
    return [extension(id_ce_basicConstraints, new BasicConstraints({ cA: true }))];
  }
  const purpose = usage === 'client' ? id_kp_clientAuth : id_kp_serverAuth;
  const address = new GeneralName({ iPAddress: '127.0.0.1' });
  return [
    extension(id_ce_extKeyUsage, new ExtendedKeyUsage([purpose])),
    extension(id_ce_subjectAltName, new SubjectAlternativeName([address])),
  ];
}

function extension(extnID: string, value: unknown): Extension {
  return new Extension({
    extnID,
    critical: extnID === id_ce_basicConstraints,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}

function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}
