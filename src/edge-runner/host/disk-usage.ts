import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** What a tree takes on its filesystem. */
export interface DiskUsage {
  readonly bytes: number;
  readonly inodes: number;
}

const bytesPerBlock = 512;

/**
 * Measures a file or a folder with all that is in it, as `du -x` does: blocks, every hard link once,
 * nothing of other filesystems. What vanishes meanwhile, or was never there, counts nothing.
 * Rejects with the signal's reason.
 */
export async function measureDiskUsage(path: string, signal: AbortSignal): Promise<DiskUsage> {
  const root = await look(path);
  if (root === undefined) return { bytes: 0, inodes: 0 };
  const seen = new Set<number>();
  let bytes = 0;
  let inodes = 0;
  const folders = [path];
  count(root);
  if (!root.isDirectory()) return { bytes, inodes };
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await namesOf(folder)) {
      signal.throwIfAborted();
      const child = join(folder, name);
      const stats = await look(child);
      if (stats === undefined || stats.dev !== root.dev) continue;
      count(stats);
      if (stats.isDirectory()) folders.push(child);
    }
  }
  return { bytes, inodes };

  function count(stats: Stats): void {
    if (stats.nlink > 1 && !stats.isDirectory()) {
      if (seen.has(stats.ino)) return;
      seen.add(stats.ino);
    }
    bytes += stats.blocks * bytesPerBlock;
    inodes += 1;
  }
}

async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch {
    return undefined;
  }
}

async function namesOf(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) names.push(name);
  } catch {
    return names;
  }
  return names;
}
