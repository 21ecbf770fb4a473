import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { RunnerError } from '../errors.ts';
import { systemCodeOf } from '../join/errors.ts';

/** Writes a file at once or not at all. @returns whether it was different. @throws RunnerError `INSTALL_FAILED` */
export async function writeIfChanged(path: string, text: string): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false;
  await replace(path, (temporary) => writeFile(temporary, text, { mode: 0o644 }));
  return true;
}

/**
 * Copies a program; one that runs under the old name runs on.
 * @returns whether it was different. @throws RunnerError `INSTALL_FAILED`
 */
export async function copyIfChanged(source: string, path: string): Promise<boolean> {
  if (await isSame(source, path)) return false;
  await replace(path, async (temporary) => {
    await copyFile(source, temporary);
  });
  return true;
}

async function replace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await write(`${path}.new`);
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw new RunnerError(
      'INSTALL_FAILED',
      `${path} cannot be written (${systemCodeOf(cause) ?? String(cause)}): check that its file system is writable and has room`,
      { cause },
    );
  }
}

async function isSame(a: string, b: string): Promise<boolean> {
  const sizes = await Promise.all([a, b].map((path) => stat(path).catch(() => undefined)));
  if (sizes[0]?.size !== sizes[1]?.size || sizes[1] === undefined) return false;
  if (sizes[0]?.ino === sizes[1].ino && sizes[0].dev === sizes[1].dev) return true;
  return (await digest(a)) === (await digest(b));
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
