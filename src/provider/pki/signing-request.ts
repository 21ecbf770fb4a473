import { sign, type KeyObject } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Extensions } from '@peculiar/asn1-x509';
import { type DistinguishedName, ecdsaWithSha256, nameOf } from './certificate.ts';
import { serverNames } from './extensions.ts';
import { spkiOf } from './public-key.ts';

/**
 * A request for a server's certificate under DNS names and IP addresses, PEM, signed by the key that it is
 * for: ECDSA on P-256 with SHA-256. Source: PKCS #10, RFC 2986 section 4; RFC 2985 section 5.4.2.
 */
export function signingRequest(options: {
  subject: DistinguishedName;
  names: readonly string[];
  publicKey: KeyObject;
  privateKey: KeyObject;
}): string {
  const extensions = serialized(new Extensions([serverNames(options.names)]));
  const attribute = der(tags.sequence, extensionRequest, der(tags.set, extensions));
  const info = der(
    tags.sequence,
    der(tags.integer, Buffer.of(0)),
    serialized(nameOf(options.subject)),
    Buffer.from(spkiOf(options.publicKey)),
    der(tags.attributes, attribute),
  );
  const signature = sign('sha256', info, { key: options.privateKey, dsaEncoding: 'der' });
  const algorithm = serialized(new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 }));
  const request = der(tags.sequence, info, algorithm, der(tags.bits, Buffer.of(0), signature));
  return pem(request);
}

const tags = { integer: 0x02, bits: 0x03, sequence: 0x30, set: 0x31, attributes: 0xa0 } as const;

/** Object identifier 1.2.840.113549.1.9.14. */
const extensionRequest = Buffer.from('06092a864886f70d01090e', 'hex');

/** One value in DER: tag, length in as few bytes as it takes, contents (X.690 section 8.1). */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const digits = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length), digits, body]);
}

function serialized(value: object): Buffer {
  return Buffer.from(AsnConvert.serialize(value));
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`;
}
