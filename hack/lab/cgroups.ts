import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const mountPoint = '/sys/fs/cgroup';

/**
 * Removes a cgroup and those below it from every hierarchy of cgroup v1 and from v2. Their processes
 * must have been killed; the kernel needs a moment to forget them, which is waited for. What stays
 * busy for a second is left.
 */
export async function removeCgroup(path: string): Promise<void> {
  for (const root of await hierarchies()) {
    await removeTree(join(root, path));
  }
}

/** The folders of a cgroup that exist, in all hierarchies. */
export async function cgroupFolders(path: string): Promise<string[]> {
  const folders = (await hierarchies()).map((root) => join(root, path));
  const there = await Promise.all(
    folders.map(async (folder) => (await children(folder)) !== undefined),
  );
  return folders.filter((_, index) => there[index]);
}

async function hierarchies(): Promise<string[]> {
  const entries = await readdir(mountPoint, { withFileTypes: true }).catch(() => []);
  return [
    mountPoint,
    ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(mountPoint, entry.name)),
  ];
}

async function removeTree(folder: string): Promise<void> {
  for (const child of (await children(folder)) ?? []) {
    await removeTree(join(folder, child));
  }
  for (let attempt = 0; attempt < 50; attempt += 1) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) {
        return;
      }
    }
    await sleep(20);
  }
}

async function children(folder: string): Promise<string[] | undefined> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return undefined;
  }
}
