import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from './host-error.ts';

/** Where the machine's files are found; tests give a folder with a few of them. */
export interface HostRoot {
  readonly root?: string | undefined;
}

/** The text of a file, or undefined when it cannot be read. */
export async function readText(
  { root = '/' }: HostRoot,
  path: string,
): Promise<string | undefined> {
  try {
    return await readFile(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

/** The text of a file that must be there. Throws HostError `HOST_FACT_MISSING`. */
export async function requireText({ root = '/' }: HostRoot, path: string): Promise<string> {
  try {
    return await readFile(join(root, path), 'utf8');
  } catch (cause) {
    throw new HostError('HOST_FACT_MISSING', `${path} cannot be read; is /proc mounted?`, {
      cause,
    });
  }
}

/** The first of these files that has any text, trimmed of white space and NUL; '' if none has. */
export async function firstText(root: HostRoot, paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const text = (await readText(root, path))?.replaceAll('\0', '').trim();
    if (text !== undefined && text !== '') return text;
  }
  return '';
}

/** The names in a folder, or none when it cannot be read. */
export async function listNames({ root = '/' }: HostRoot, path: string): Promise<string[]> {
  try {
    return await readdir(join(root, path));
  } catch {
    return [];
  }
}

/** The names of the folders in a folder, or none when it cannot be read. */
export async function listFolders({ root = '/' }: HostRoot, path: string): Promise<string[]> {
  try {
    const entries = await readdir(join(root, path), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}
