import { createPrivateKey, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FileKey } from './device-key.ts';
import { JoinError, systemCodeOf } from './errors.ts';
import { maxKeyFileBytes } from './limits.ts';

/** Name of the systemd credential that is a device's key. */
export const keyCredential = 'towline-key';

/**
 * Where a key is that isn't kept in the state directory: in the file that was named, else among the
 * credentials that systemd hands over (systemd.exec(5), "Credentials").
 */
export function givenKeyPath(
  keyFile: string | undefined,
  environment: Record<string, string | undefined>,
): string | undefined {
  const credentials = environment['CREDENTIALS_DIRECTORY'];
  return keyFile ?? (credentials ? join(credentials, keyCredential) : undefined);
}

/**
 * The private key in a file that somebody else keeps: on P-256, PKCS #8 or SEC 1 in PEM, no
 * passphrase, and for nobody else to read.
 * @throws JoinError `KEY_UNUSABLE`
 */
export async function readGivenKey(path: string): Promise<FileKey> {
  return new FileKey(parseKey(path, await readPrivately(path)));
}

export function keyUnusable(what: string, cause?: unknown): JoinError {
  return new JoinError('KEY_UNUSABLE', what, { cause });
}

async function readPrivately(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    // A pipe that nobody writes to would hold the opening for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await requirePrivate(path, file);
    const buffer = Buffer.alloc(maxKeyFileBytes + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > maxKeyFileBytes) throw noKey(path);
    return buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    if (error instanceof JoinError) throw error;
    const code = systemCodeOf(error) ?? String(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw keyUnusable(missing(path), error);
    throw keyUnusable(
      `the device's key in ${path} cannot be read (${code}): run this as root, and check the file's rights`,
      error,
    );
  } finally {
    await file?.close();
  }
}

async function requirePrivate(path: string, file: FileHandle): Promise<void> {
  const stats = await file.stat();
  if (!stats.isFile()) throw keyUnusable(`${path} is no file: give the file of the device's key`);
  const isOwn = stats.uid === 0 || stats.uid === process.geteuid?.();
  if (isOwn && (stats.mode & 0o077) === 0) return;
  throw keyUnusable(
    `the device's key in ${path} can be read by others: chown root ${path}; chmod 600 ${path}; and make a new one if anybody may have`,
  );
}

/** What openssl ecparam writes before the key is left aside. */
const keyBlock = /-----BEGIN (EC |)PRIVATE KEY-----[^-]+-----END \1PRIVATE KEY-----/;

function parseKey(path: string, text: string): KeyObject {
  try {
    const key = createPrivateKey(keyBlock.exec(text)?.[0] ?? '');
    if (key.asymmetricKeyType === 'ec' && key.export({ format: 'jwk' }).crv === 'P-256') return key;
  } catch (cause) {
    throw noKey(path, cause);
  }
  throw noKey(path);
}

function noKey(path: string, cause?: unknown): JoinError {
  return keyUnusable(
    `${path} is no private key on P-256 in PEM (PKCS #8 or SEC 1, without a passphrase): make one with "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"`,
    cause,
  );
}

function missing(path: string): string {
  return `there is no ${path}, which should be the device's key: name its file with --key-file, or hand it over as systemd's credential ${keyCredential} ("towline-runner install --credential ${keyCredential}:PATH")`;
}
