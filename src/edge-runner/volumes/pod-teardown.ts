import { readdir, realpath, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { maxUnmountRounds } from './limits.ts';
import { isWithin } from './mount-table.ts';
import type { Mounter } from './mounter.ts';
import { hasCode } from './node-error.ts';
import { mountFolders } from './pod-layout.ts';
import { VolumeError } from './volume-error.ts';

/**
 * Unmounts everything at or in these places, newest first, and then removes them. Nothing is removed
 * while anything in them is mounted, for that would reach into what is mounted.
 * @throws VolumeError `UNMOUNT_FAILED`
 */
export async function tearDown(
  paths: string[],
  mount: Mounter,
  signal?: AbortSignal,
): Promise<void> {
  for (const path of paths) {
    const real = await realpathOrNothing(path);
    if (real === undefined) continue;
    await unmountAll(real, mount, signal);
    await removeMountDirs(real);
    await rm(real, { recursive: true, force: true });
  }
}

/** Names in a folder, none when it isn't there. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/**
 * Removes the folders in which volumes were mounted for pods. Each must be empty, and nothing can be
 * mounted there afterwards: not even a mount(8) that was given up and succeeds late brings anybody's
 * share under what is removed next.
 */
async function removeMountDirs(directory: string): Promise<void> {
  for (const podDir of await podDirsIn(directory)) {
    for (const folder of Object.values(mountFolders)) {
      const place = join(podDir, 'volumes', folder);
      for (const name of await namesIn(place)) await rmdir(join(place, name));
    }
  }
}

/** A place that is torn down may be a pod's folder, that of all pods, or the one above. */
async function podDirsIn(directory: string): Promise<string[]> {
  const pods = basename(directory) === 'pods' ? directory : join(directory, 'pods');
  return [directory, ...(await namesIn(pods)).map((name) => join(pods, name))];
}

async function unmountAll(
  directory: string,
  mount: Mounter,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let round = 0; round < maxUnmountRounds; round++) {
    const points = (await mount.mountPoints()).filter((point) => isWithin(point, directory));
    if (points.length === 0) return;
    for (const point of points.reverse()) await mount.unmount(point, signal);
  }
  throw new VolumeError(
    'UNMOUNT_FAILED',
    `${directory}: something is mounted in it time and again`,
  );
}

async function realpathOrNothing(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
