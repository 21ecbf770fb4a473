import { realpath, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Mounter } from './mounter.ts';
import { hasCode } from './node-error.ts';

/** Whether anything is mounted at a place of the runner's own; asks nothing of what is mounted. */
export async function isMounted(directory: string, mount: Mounter): Promise<boolean> {
  const points = await mount.mountPoints();
  try {
    return points.includes(join(await realpath(dirname(directory)), basename(directory)));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Takes off what a failed mount has left, and its folder. */
export async function removeMountDir(directory: string, mount: Mounter): Promise<void> {
  if (await isMounted(directory, mount)) await mount.unmount(directory);
  await rmdir(directory);
}
