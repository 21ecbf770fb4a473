import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withFileLock } from './file-lock.ts';
import { LabError } from './lab-error.ts';
import type { Progress } from './progress.ts';

/** What is kept: `name` and `version` together name an entry; both may hold any characters. */
export interface CacheEntry {
  readonly name: string;
  readonly version: string;
}

/** How a cache works: its folder, who is told of waiting, what ends the waiting. */
export interface CacheOptions {
  readonly dir?: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

const manifestName = 'manifest.json';

/**
 * The folder for what is built once per machine: TOWLINE_CACHE_DIR, else `towline` in XDG_CACHE_HOME,
 * else /var/cache/towline for root and ~/.cache/towline for others.
 */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['TOWLINE_CACHE_DIR'] !== undefined && env['TOWLINE_CACHE_DIR'] !== '') {
    return env['TOWLINE_CACHE_DIR'];
  }
  if (env['XDG_CACHE_HOME'] !== undefined && env['XDG_CACHE_HOME'] !== '') {
    return join(env['XDG_CACHE_HOME'], 'towline');
  }
  return process.getuid?.() === 0 ? '/var/cache/towline' : join(homedir(), '.cache', 'towline');
}

/**
 * Gives the folder of an entry, and builds it when it is missing or damaged: `build` fills a
 * temporary folder, a manifest with the SHA-256 of each file is written, and the whole is renamed
 * into place, so an entry is there completely or not at all. Two runs never build the same entry at
 * once: the second waits and takes the first one's.
 *
 * @throws LabError `cache-unusable` when the folder cannot be written; whatever `build` throws.
 */
export async function cached(
  entry: CacheEntry,
  build: (dir: string) => Promise<void>,
  options: CacheOptions,
): Promise<string> {
  const dir = options.dir ?? cacheDir();
  const target = join(dir, entryFolder(entry));
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw new LabError(
      'cache-unusable',
      `the cache folder ${dir} cannot be made: set TOWLINE_CACHE_DIR to one that can be written`,
      { cause },
    );
  });
  if (await isIntact(target)) {
    return target;
  }
  return withFileLock(`${target}.lock`, options, async () => {
    if (await isIntact(target)) {
      return target;
    }
    await removeLeftOvers(dir, entryFolder(entry));
    const temporary = `${target}.tmp-${randomUUID().slice(0, 8)}`;
    await mkdir(temporary);
    try {
      await build(temporary);
      await writeManifest(temporary);
      await rm(target, { recursive: true, force: true });
      await rename(temporary, target);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return target;
  });
}

/** An entry that is there and intact. */
export interface CachedEntry {
  readonly version: string;
  readonly dir: string;
}

/** The intact entries of a name, whatever their version. */
export async function findCached(name: string, dir: string = cacheDir()): Promise<CachedEntry[]> {
  const folders = await readdir(dir).catch(() => []);
  const prefix = `${encodeURIComponent(name)}@`;
  const found: CachedEntry[] = [];
  for (const folder of folders.filter((candidate) => candidate.startsWith(prefix))) {
    const path = join(dir, folder);
    // Locks and unfinished builds have no manifest.
    if (await isIntact(path)) {
      found.push({ version: decodeURIComponent(folder.slice(prefix.length)), dir: path });
    }
  }
  return found;
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

function entryFolder(entry: CacheEntry): string {
  return `${encodeURIComponent(entry.name)}@${encodeURIComponent(entry.version)}`;
}

async function writeManifest(dir: string): Promise<void> {
  const files: Record<string, string> = {};
  for (const path of await filesUnder(dir)) {
    files[relative(dir, path)] = await sha256OfFile(path);
  }
  await writeFile(join(dir, manifestName), `${JSON.stringify({ files }, null, 2)}\n`);
}

async function isIntact(dir: string): Promise<boolean> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(dir, manifestName), 'utf8'));
    const { files } = manifest as { files: Record<string, string> };
    const present = (await filesUnder(dir)).map((path) => relative(dir, path));
    const expected = Object.entries(files);
    if (present.filter((path) => path !== manifestName).length !== expected.length) {
      return false;
    }
    const intact = await Promise.all(
      expected.map(async ([path, sum]) => (await sha256OfFile(join(dir, path))) === sum),
    );
    return intact.every(Boolean);
  } catch {
    return false;
  }
}

async function filesUnder(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A build that was killed leaves its temporary folder; whoever holds the lock may remove it. */
async function removeLeftOvers(dir: string, folder: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith(`${folder}.tmp-`)) {
      await rm(join(dir, name), { recursive: true, force: true });
    }
  }
}
