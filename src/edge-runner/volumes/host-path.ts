import type { Stats } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { hasCode } from './node-error.ts';
import { VolumeError } from './volume-error.ts';

/**
 * Makes what a hostPath's type says shall be made, and checks that what is there is of that type.
 * @throws VolumeError `SETUP_FAILED` in the kubelet's words
 * Source: kubelet, pkg/volume/hostpath.
 */
export async function checkHostPath(path: string, type: string): Promise<void> {
  if (!isAbsolute(path) || path.split('/').includes('..')) {
    throw new VolumeError(
      'SETUP_FAILED',
      `hostPath ${JSON.stringify(path)} must be absolute and must not contain '..'`,
    );
  }
  const rule = rules[type];
  if (type === '') return;
  if (rule === undefined) {
    throw new VolumeError('SETUP_FAILED', `${JSON.stringify(type)} is an unknown hostPath type`);
  }
  await rule.make?.(path);
  const found = await statOrNothing(path);
  if (found !== undefined && rule.matches(found)) return;
  throw new VolumeError(
    'SETUP_FAILED',
    `hostPath type check failed: ${path} is not a ${rule.words}`,
  );
}

interface Rule {
  words: string;
  matches: (stats: Stats) => boolean;
  make?: (path: string) => Promise<void>;
}

const directory: Rule = { words: 'directory', matches: (stats) => stats.isDirectory() };
const file: Rule = { words: 'file', matches: (stats) => stats.isFile() };

const rules: Partial<Record<string, Rule>> = {
  Directory: directory,
  DirectoryOrCreate: { ...directory, make: makeDirectory },
  File: file,
  FileOrCreate: { ...file, make: makeFile },
  Socket: { words: 'socket file', matches: (stats) => stats.isSocket() },
  CharDevice: { words: 'character device', matches: (stats) => stats.isCharacterDevice() },
  BlockDevice: { words: 'block device', matches: (stats) => stats.isBlockDevice() },
};

async function makeDirectory(path: string): Promise<void> {
  if ((await statOrNothing(path)) === undefined)
    await mkdir(path, { recursive: true, mode: 0o755 });
}

async function makeFile(path: string): Promise<void> {
  if ((await statOrNothing(path)) === undefined) {
    await writeFile(path, '', { flag: 'a', mode: 0o644 });
  }
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
