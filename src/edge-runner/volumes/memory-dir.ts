import { mkdir, statfs } from 'node:fs/promises';
import type { Mounter } from './mounter.ts';
import { privateMode } from './pod-layout.ts';

/**
 * Makes sure that `directory` is there and lies in memory: on a tmpfs that is there already, such as
 * the device's `/run`, else on one mounted for it.
 * @throws VolumeError `MOUNT_FAILED`
 */
export async function ensureMemoryDir(directory: string, mount: Mounter): Promise<void> {
  await mkdir(directory, { recursive: true, mode: privateMode });
  const { type } = await statfs(directory);
  if (!memoryFileSystems.includes(type)) await mount.tmpfs(directory, { mode: privateMode });
}

/** Magic numbers of tmpfs and ramfs, statfs(2). */
const memoryFileSystems = [0x01021994, 0x858458f6];
