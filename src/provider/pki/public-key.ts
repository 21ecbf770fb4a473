import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { PkiError } from './errors.ts';

/** `sha256:<hex>` of a key's SubjectPublicKeyInfo in DER: how CAs and sites' keys are named. */
export function publicKeyHashOf(key: KeyObject): string {
  return `sha256:${createHash('sha256').update(spkiOf(key)).digest('hex')}`;
}

/** SubjectPublicKeyInfo of a public key, DER. */
export function spkiOf(key: KeyObject): Buffer<ArrayBuffer> {
  return Buffer.from(key.export({ type: 'spki', format: 'der' }));
}

/**
 * Reads a public key that a device sent.
 * @throws PkiError `KEY_UNSUPPORTED` for anything but an ECDSA key on P-256.
 */
export function parsePublicKey(spki: Buffer): KeyObject {
  let key;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new PkiError('KEY_UNSUPPORTED', 'the public key is not a SubjectPublicKeyInfo in DER', {
      cause,
    });
  }
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
    return key;
  }
  throw new PkiError('KEY_UNSUPPORTED', 'the public key is not ECDSA on P-256');
}
