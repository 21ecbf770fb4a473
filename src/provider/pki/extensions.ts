import { createHash, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  GeneralName,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
} from '@peculiar/asn1-x509';
import { spkiOf } from './public-key.ts';

export interface ExtensionOptions {
  publicKey: KeyObject;
  issuerPublicKey: KeyObject;
}

/** Extensions of a CA that signs nothing but end certificates; `uri` is its trust domain's SPIFFE ID. */
export function caExtensions(uri: string, options: ExtensionOptions): Extension[] {
  return [
    extension(
      id_ce_basicConstraints,
      true,
      new BasicConstraints({ cA: true, pathLenConstraint: 0 }),
    ),
    extension(
      id_ce_keyUsage,
      true,
      new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign),
    ),
    ...keyIdentifiers(options),
    uriName(uri),
  ];
}

/** Extensions of an X.509-SVID for a TLS client (SPIFFE X.509-SVID section 4 and appendix A). */
export function clientExtensions(uri: string, options: ExtensionOptions): Extension[] {
  return [...endExtensions(id_kp_clientAuth, options), uriName(uri)];
}

/** The URI that a certificate is known by. */
export function uriName(uri: string): Extension {
  return subjectAltName([new GeneralName({ uniformResourceIdentifier: uri })]);
}

/** Extensions of a TLS server known by DNS names and IP addresses. */
export function serverExtensions(names: readonly string[], options: ExtensionOptions): Extension[] {
  return [...endExtensions(id_kp_serverAuth, options), serverNames(names)];
}

/** The DNS names and IP addresses of a server. */
export function serverNames(names: readonly string[]): Extension {
  return subjectAltName(
    names.map((name) =>
      isIP(name) === 0 ? new GeneralName({ dNSName: name }) : new GeneralName({ iPAddress: name }),
    ),
  );
}

function endExtensions(purpose: string, options: ExtensionOptions): Extension[] {
  return [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
    extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([purpose])),
    ...keyIdentifiers(options),
  ];
}

function keyIdentifiers(options: ExtensionOptions): Extension[] {
  const authority = new AuthorityKeyIdentifier({
    keyIdentifier: new KeyIdentifier(keyIdentifier(options.issuerPublicKey)),
  });
  const subject = new SubjectKeyIdentifier(keyIdentifier(options.publicKey));
  return [
    extension(id_ce_subjectKeyIdentifier, false, subject),
    extension(id_ce_authorityKeyIdentifier, false, authority),
  ];
}

function subjectAltName(names: GeneralName[]): Extension {
  return extension(id_ce_subjectAltName, false, new SubjectAlternativeName(names));
}

/** Method 1 of RFC 5280 section 4.2.1.2: SHA-1 of the key's bits. It names, it doesn't protect. */
function keyIdentifier(key: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = AsnConvert.parse(spkiOf(key), SubjectPublicKeyInfo);
  const digest = createHash('sha1').update(new Uint8Array(subjectPublicKey)).digest();
  return new Uint8Array(digest).buffer;
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value));
  return new Extension({ extnID, critical, extnValue });
}
