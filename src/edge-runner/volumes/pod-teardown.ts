import { readdir, realpath, rm } from 'node:fs/promises';
import { maxUnmountRounds } from './limits.ts';
import { isWithin } from './mount-table.ts';
import type { Mounter } from './mounter.ts';
import { hasCode } from './node-error.ts';
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
    await rm(real, { recursive: true, force: true });
  }
}

/** Names in a folder, none when it isn't there. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
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
