import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { joinProofText, type JoinRequest } from '../../protocol/join.ts';

/** The private key of a device; it never leaves it. */
export interface DeviceKey {
  readonly publicKey: KeyObject;
  /** ECDSA with SHA-256, DER. */
  sign(data: Buffer): Buffer;
}

/** A key on P-256 that is kept in a file, PKCS #8 in PEM. */
export class FileKey implements DeviceKey {
  readonly publicKey: KeyObject;
  readonly pem: string;
  readonly #privateKey: KeyObject;

  constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    this.publicKey = createPublicKey(privateKey);
    this.pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  static generate(): FileKey {
    return new FileKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  }

  sign(data: Buffer): Buffer {
    return sign('sha256', data, { key: this.#privateKey, dsaEncoding: 'der' });
  }
}

/** The request with which the holder of a key joins. */
export function joinRequestOf(
  key: DeviceKey,
  site: { tenant: string; site: string; token: string },
): JoinRequest {
  const publicKey = spkiOf(key.publicKey).toString('base64');
  const request = { tenant: site.tenant, site: site.site, token: site.token, publicKey };
  const proof = key.sign(Buffer.from(joinProofText(request))).toString('base64');
  return { ...request, proof };
}

/** `sha256:<hex>` of a key's SubjectPublicKeyInfo in DER. */
export function publicKeyHashOf(key: KeyObject): string {
  return `sha256:${createHash('sha256').update(spkiOf(key)).digest('hex')}`;
}

/** The public key of a private one, both PEM. Throws Node's error for what is no private key. */
export function publicPemOf(privateKey: string): string {
  const key = createPublicKey(createPrivateKey(privateKey));
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}
