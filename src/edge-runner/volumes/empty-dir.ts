import { chmod, chown, mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Pod, Volume } from '../../kube/api.ts';
import { parseQuantity, quantityToBytes } from '../../kube/quantity.ts';
import type { Mounter } from './mounter.ts';
import { hasCode } from './node-error.ts';
import { privateMode } from './pod-layout.ts';

/**
 * A folder that anybody in the pod may write to, made whole or not at all; one that is there is left
 * as it is.
 * @returns whether it was made, and so is empty.
 */
export async function makeVolumeDir(directory: string, fsGroup?: number): Promise<boolean> {
  if (await exists(directory)) return false;
  const fresh = `${directory}.new`;
  await mkdir(dirname(directory), { recursive: true, mode: privateMode });
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh);
  if (fsGroup !== undefined) await chown(fresh, 0, fsGroup);
  await chmod(fresh, fsGroup === undefined ? 0o777 : 0o2777);
  await rename(fresh, directory);
  return true;
}

/** A tmpfs of its own for an emptyDir with medium `Memory`; one that is mounted is left as it is. */
export async function makeMemoryVolume(
  directory: string,
  options: { mount: Mounter; sizeBytes: number | undefined; fsGroup: number | undefined },
  signal: AbortSignal | undefined,
): Promise<void> {
  const { mount, sizeBytes, fsGroup } = options;
  await mkdir(directory, { recursive: true, mode: privateMode });
  if ((await mount.mountPoints()).includes(await realpath(directory))) return;
  const group = fsGroup === undefined ? { mode: 0o1777 } : { mode: 0o3777, gid: fsGroup };
  await mount.tmpfs(directory, { ...group, ...(sizeBytes ? { sizeBytes } : {}) }, signal);
}

/**
 * How much an emptyDir in memory may hold: the least of its `sizeLimit`, of what all containers may
 * use together, and of what the node has for pods. Undefined when nothing bounds it.
 * Source: kubelet, calculateEmptyDirMemorySize.
 */
export function memoryVolumeBytes(
  pod: Pod,
  volume: Volume,
  allocatable: Record<string, string>,
): number | undefined {
  const bounds = [allocatable.memory, volume.emptyDir?.sizeLimit]
    .filter((quantity) => quantity !== undefined && parseQuantity(quantity) > 0n)
    .map((quantity) => quantityToBytes(quantity ?? '0'));
  const podBytes = podMemoryLimitBytes(pod);
  if (podBytes !== undefined) bounds.push(podBytes);
  return bounds.length === 0 ? undefined : Math.min(...bounds);
}

/** Undefined unless every container has a limit. */
function podMemoryLimitBytes(pod: Pod): number | undefined {
  const own = pod.spec.resources?.limits?.memory;
  if (own !== undefined) return quantityToBytes(own);
  let totalBytes = 0;
  for (const { resources } of pod.spec.containers) {
    const limit = quantityToBytes(resources?.limits?.memory ?? '0');
    if (limit === 0) return undefined;
    totalBytes += limit;
  }
  return totalBytes;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
