import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

/** Encrypts what is kept on disk. */
export interface Sealer {
  /** `place` says where the text is kept: moved elsewhere, it can't be opened. */
  seal(text: string, place: string): Uint8Array;
  /** @throws when it was sealed by another key or for another place, or is damaged. */
  open(sealed: Uint8Array, place: string): string;
}

const nonceBytes = 12;
const tagBytes = 16;

/**
 * AES-256-GCM with a random nonce for each text, `nonce ‖ tag ‖ ciphertext`, the place as additional
 * data. NIST SP 800-38D, section 8.3, allows 2³² texts under one key.
 */
export class AesSealer implements Sealer {
  /** Made once: a cipher that is given bytes makes one of them each time. */
  readonly #key: KeyObject;

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  seal(text: string, place: string): Uint8Array {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(place));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]);
  }

  open(sealed: Uint8Array, place: string): string {
    const nonce = sealed.subarray(0, nonceBytes);
    const tag = sealed.subarray(nonceBytes, nonceBytes + tagBytes);
    const cipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(place)).setAuthTag(tag);
    const body = cipher.update(sealed.subarray(nonceBytes + tagBytes));
    return Buffer.concat([body, cipher.final()]).toString('utf8');
  }
}
