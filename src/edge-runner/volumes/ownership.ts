import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Gives a tree to the pod's `fsGroup`: its group owns everything and may do what the mask says, and
 * folders hand the group on to what is made in them. Symbolic links only change their group. The
 * root comes last: as long as it isn't right, not all is. Rejects with the signal's reason.
 * Source: kubelet, pkg/volume/volume_linux.go, changeFilePermission.
 */
export async function applyFsGroup(
  path: string,
  fsGroup: number,
  access: Access,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const stat = await lstat(path);
  if (stat.isDirectory()) {
    for (const name of await readdir(path)) {
      await applyFsGroup(join(path, name), fsGroup, access, signal);
    }
  }
  await lchown(path, stat.uid, fsGroup);
  if (stat.isSymbolicLink()) return;
  const mask = stat.isDirectory() ? masks[access] | directoryMask : masks[access];
  await chmod(path, (stat.mode & 0o7777) | mask);
}

/**
 * Whether a tree's root shows that it was given to `fsGroup` already.
 * Source: kubelet, requiresPermissionChange, for `fsGroupChangePolicy: OnRootMismatch`.
 */
export async function hasFsGroup(path: string, fsGroup: number, access: Access): Promise<boolean> {
  const stat = await lstat(path);
  if (stat.gid !== fsGroup || !stat.isDirectory()) return false;
  const wanted = masks[access] | directoryMask;
  return (stat.mode & wanted) === wanted;
}

type Access = 'readOnly' | 'readWrite';

const masks: Record<Access, number> = { readOnly: 0o440, readWrite: 0o660 };

/** Setgid, and whom the kubelet lets pass. */
const directoryMask = 0o2110;
