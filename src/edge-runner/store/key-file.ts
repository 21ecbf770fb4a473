import { hkdfSync, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RunnerError } from '../errors.ts';
import { keyBytes, type KeySource } from './store-key.ts';

/** Name of the file in the state directory. */
export const storeKeyName = 'store.key';

/**
 * Keys from a secret in a file of mode 0600, made when it is not there: for a device whose own key
 * changes, as an outside authority's does. HKDF with SHA-256 (RFC 5869).
 * @throws RunnerError `STORE_FAILED` when the file can't be read or made.
 */
export async function openKeyFile(path: string): Promise<KeySource> {
  try {
    const secret = (await readSecret(path)) ?? (await makeSecret(path));
    return {
      derive: (purpose) => {
        const info = `towline/v1/${purpose}`;
        return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), info, keyBytes));
      },
    };
  } catch (cause) {
    if (cause instanceof RunnerError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RunnerError('STORE_FAILED', `the key of the store cannot be used: ${why}`, { cause });
  }
}

async function readSecret(path: string): Promise<Uint8Array | undefined> {
  try {
    const secret = await readFile(path);
    if (secret.length === keyBytes) return secret;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const text = `${path} is damaged: restore it, or remove it with store.db, which is of no use without`;
  throw new RunnerError('STORE_FAILED', text);
}

/** Whole or not at all, also when the power goes. */
async function makeSecret(path: string): Promise<Uint8Array> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const secret = randomBytes(keyBytes);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(secret);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const dir = await open(dirname(path), 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
  return secret;
}
