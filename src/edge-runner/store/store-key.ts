import { createPrivateKey, hkdfSync } from 'node:crypto';

/** Where keys for the device's own use come from: the same purpose gives the same key, for as long as the device's key lives. */
export interface KeySource {
  /** 32 bytes. */
  derive(purpose: string): Uint8Array;
}

export const keyBytes = 32;

/**
 * Keys from the device's private key: HKDF with SHA-256 (RFC 5869) over its scalar. A renewed
 * certificate changes none of them, for it is for the same key.
 */
export class DeviceKeySource implements KeySource {
  readonly #secret: Uint8Array;

  /** `privateKey`: PKCS #8 in PEM. */
  constructor(privateKey: string) {
    const { d = '' } = createPrivateKey(privateKey).export({ format: 'jwk' });
    this.#secret = Buffer.from(d, 'base64url');
  }

  derive(purpose: string): Uint8Array {
    const info = `towline/v1/${purpose}`;
    return new Uint8Array(hkdfSync('sha256', this.#secret, new Uint8Array(), info, keyBytes));
  }
}

/** What the key of the store is derived for. */
export const storePurpose = 'store';
