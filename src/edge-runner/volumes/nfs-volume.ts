import { mkdir } from 'node:fs/promises';
import { isMounted, removeMountDir } from './mount-dir.ts';
import type { Mounter } from './mounter.ts';
import { privateMode } from './pod-layout.ts';

export interface NfsVolumeRequest {
  /** `server:path`. */
  source: string;
  /** Where the pod has it. */
  directory: string;
  options: readonly string[];
  readOnly: boolean;
  mount: Mounter;
}

/**
 * Mounts a share for a pod; one that is mounted is left as it is, and not looked into, for its server
 * may not answer. Who owns what in it is the server's business.
 * @throws VolumeError `MOUNT_FAILED`
 * Source: kubelet, pkg/volume/nfs, SetUpAt.
 */
export async function mountNfs(
  { source, directory, options, readOnly, mount }: NfsVolumeRequest,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (await isMounted(directory, mount)) return;
  await mkdir(directory, { recursive: true, mode: privateMode });
  const all = new Set([...options, ...(readOnly ? ['ro'] : [])].filter((option) => option !== ''));
  try {
    await mount.mount({ source, target: directory, type: 'nfs', options: [...all].sort() }, signal);
  } catch (error) {
    await removeMountDir(directory, mount);
    throw error;
  }
}
