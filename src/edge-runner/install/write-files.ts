import { createReadStream } from 'node:fs';
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { RunnerError } from '../errors.ts';
import { systemCodeOf } from '../join/errors.ts';

/** A file that is to be somewhere. */
export interface FileToWrite {
  readonly path: string;
  /** Whether it is there already, as it is to be. */
  readonly isUpToDate: boolean;
  /** At once or not at all. @throws RunnerError `INSTALL_FAILED` */
  readonly write: () => Promise<void>;
}

export async function textToWrite(path: string, text: string): Promise<FileToWrite> {
  return {
    path,
    isUpToDate: (await readFile(path, 'utf8').catch(() => undefined)) === text,
    write: () => replace(path, (temporary) => writeFile(temporary, text, { mode: 0o644 })),
  };
}

/** A program; one that runs under the old name runs on. */
export async function programToWrite(source: string, path: string): Promise<FileToWrite> {
  return {
    path,
    isUpToDate: await isSame(source, path),
    write: () => replace(path, (temporary) => copyFile(source, temporary)),
  };
}

/**
 * Writes those that are different; where one of them can't be written, none is.
 * @returns whether any was different. @throws RunnerError `INSTALL_FAILED`
 */
export async function writeFiles(
  files: readonly FileToWrite[],
  say: (line: string) => void,
): Promise<boolean> {
  const stale = files.filter(({ isUpToDate }) => !isUpToDate);
  for (const { path } of stale) await requireWritable(path);
  for (const { path, isUpToDate, write } of files) {
    if (!isUpToDate) await write();
    say(isUpToDate ? `${path} is up to date` : `wrote ${path}`);
  }
  return stale.length > 0;
}

/** The folder may not be there yet: then the nearest one above it counts. */
async function requireWritable(path: string): Promise<void> {
  try {
    let folder = dirname(path);
    while (await isMissing(folder)) folder = dirname(folder);
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return true;
    throw error;
  }
}

async function replace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await write(`${path}.new`);
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): RunnerError {
  return new RunnerError(
    'INSTALL_FAILED',
    `${path} cannot be written (${systemCodeOf(cause) ?? String(cause)}): check that its file system is writable and has room`,
    { cause },
  );
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
