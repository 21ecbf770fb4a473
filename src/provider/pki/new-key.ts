import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A new key, ECDSA on P-256. */
export function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey: createPublicKey(privateKey), privateKey };
}

/** A private key as PKCS #8, PEM. */
export function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
