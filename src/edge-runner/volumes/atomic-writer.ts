import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode } from './node-error.ts';
import { applyFsGroup } from './ownership.ts';
import type { Payload } from './payload.ts';

/**
 * Brings a volume's contents to exactly `payload`, in one step for whoever reads them: the files lie
 * in a folder with a timestamp, `..data` is a link to it, and each visible name a link through
 * `..data`. When nothing differs, nothing is touched. A crash at any point leaves the old contents
 * or the new ones, and the next call clears the remains.
 * @returns whether the contents changed.
 * Source: kubelet, pkg/volume/util/atomic_writer.go.
 */
export async function writeAtomically(
  directory: string,
  payload: Payload,
  fsGroup: number | undefined,
): Promise<boolean> {
  const current = await readLink(join(directory, dataLink));
  const changed = current === undefined || !(await holds(join(directory, current), payload));
  if (changed) await replaceLink(directory, await writeVersion(directory, payload, fsGroup));
  await showNames(directory, visibleNames(payload));
  await removeRemains(directory);
  return changed;
}

/** The same for a folder that was made just now and is empty, where there is nothing to look for. */
export async function writeFirst(
  directory: string,
  payload: Payload,
  fsGroup: number | undefined,
): Promise<void> {
  const version = await writeVersion(directory, payload, fsGroup);
  await symlink(version, join(directory, dataLink));
  for (const name of visibleNames(payload)) await showName(directory, name);
}

/**
 * Whether contents were once written there to the end: the link is there, what it leads to, and a
 * visible name for each first segment of that.
 */
export async function hasContents(directory: string): Promise<boolean> {
  const current = await readLink(join(directory, dataLink));
  if (current === undefined) return false;
  try {
    const visible = new Set(await readdir(directory));
    return (await readdir(join(directory, current))).every((name) => visible.has(name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

const dataLink = '..data';

async function holds(directory: string, payload: Payload): Promise<boolean> {
  const present = await filesIn(directory);
  if (present.length !== payload.size) return false;
  for (const path of present) {
    const file = payload.get(path);
    if (file === undefined) return false;
    if (!file.data.equals(await readFile(join(directory, path)))) return false;
  }
  return true;
}

async function filesIn(directory: string, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readOrEmpty(join(directory, prefix))) {
    const path = join(prefix, entry.name);
    if (entry.isDirectory()) found.push(...(await filesIn(directory, path)));
    else found.push(path);
  }
  return found;
}

/** @returns the name of the folder that holds it */
async function writeVersion(
  directory: string,
  payload: Payload,
  fsGroup: number | undefined,
): Promise<string> {
  const version = timestampName(new Date());
  await writeFiles(join(directory, version), payload);
  if (fsGroup !== undefined) await applyFsGroup(join(directory, version), fsGroup, 'readOnly');
  return version;
}

async function writeFiles(directory: string, payload: Payload): Promise<void> {
  await mkdir(directory);
  await chmod(directory, directoryMode);
  for (const [path, { data, mode, uid }] of payload) {
    const file = join(directory, path);
    await makeParents(directory, dirname(path));
    await writeFile(file, data, { flag: 'wx', mode: 0o600 });
    await chmod(file, mode);
    if (uid !== undefined) await chown(file, uid, 0);
  }
}

async function makeParents(directory: string, path: string): Promise<void> {
  if (path === '.') return;
  await makeParents(directory, dirname(path));
  try {
    await mkdir(join(directory, path));
    await chmod(join(directory, path), directoryMode);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

async function replaceLink(directory: string, target: string): Promise<void> {
  const temporary = join(directory, `${dataLink}_tmp`);
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, join(directory, dataLink));
}

async function showNames(directory: string, names: Set<string>): Promise<void> {
  const shown = new Set<string>();
  for (const { name } of await readOrEmpty(directory)) {
    if (name.startsWith('..')) continue;
    if (names.has(name)) shown.add(name);
    else await unlink(join(directory, name));
  }
  for (const name of names) {
    if (!shown.has(name)) await showName(directory, name);
  }
}

function showName(directory: string, name: string): Promise<void> {
  return symlink(join(dataLink, name), join(directory, name));
}

async function removeRemains(directory: string): Promise<void> {
  const current = await readLink(join(directory, dataLink));
  for (const { name } of await readOrEmpty(directory)) {
    if (!name.startsWith('..') || name === dataLink || name === current) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

const directoryMode = 0o755;

function visibleNames(payload: Payload): Set<string> {
  return new Set(Array.from(payload.keys(), firstSegment));
}

function firstSegment(path: string): string {
  return path.split('/', 1)[0] ?? path;
}

/** As in `..2030_01_02_15_04_05.0123456789`, UTC. */
function timestampName(now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  return `..${stamp}.${randomBytes(5).toString('hex')}`;
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function readOrEmpty(directory: string) {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
