import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Gives a tree to the pod's `fsGroup`: its group owns everything and may do what the mask says, and
 * folders hand the group on to what is made in them. Symbolic links only change their group.
 * Source: kubelet, pkg/volume/volume_linux.go, changeFilePermission.
 */
export async function applyFsGroup(
  path: string,
  fsGroup: number,
  access: 'readOnly' | 'readWrite',
): Promise<void> {
  const stat = await lstat(path);
  await lchown(path, stat.uid, fsGroup);
  if (stat.isSymbolicLink()) return;
  const mask = access === 'readOnly' ? 0o440 : 0o660;
  if (!stat.isDirectory()) {
    await chmod(path, (stat.mode & 0o7777) | mask);
    return;
  }
  await chmod(path, (stat.mode & 0o7777) | mask | 0o2110);
  for (const name of await readdir(path)) await applyFsGroup(join(path, name), fsGroup, access);
}
