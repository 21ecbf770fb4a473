import type { Stats } from 'node:fs';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { isMounted, removeMountDir } from './mount-dir.ts';
import { isWithin } from './mount-table.ts';
import type { Mounter } from './mounter.ts';
import { hasCode } from './node-error.ts';
import { applyFsGroup, hasFsGroup } from './ownership.ts';
import { privateMode } from './pod-layout.ts';
import { VolumeError } from './volume-error.ts';

export interface LocalVolumeRequest {
  /** The PersistentVolume's. */
  name: string;
  /** On the device. */
  path: string;
  /** Where the pod has it. */
  directory: string;
  options: readonly string[];
  readOnly: boolean;
  fsGroup: number | undefined;
  fsGroupChangePolicy: string | undefined;
  mount: Mounter;
  /** Told when another pod has the volume with another group. */
  warn: (reason: string, message: string) => void;
}

/**
 * Shows a folder of the device in a pod's own; one that is shown is left as it is. Only the first pod
 * that has it gives it to its `fsGroup`.
 * @throws VolumeError `CLAIM_NOT_USABLE`, `SETUP_FAILED`, `MOUNT_FAILED`
 * Source: kubelet, pkg/volume/local, SetUpAt.
 */
export async function mountLocal(
  request: LocalVolumeRequest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { path, directory, readOnly, fsGroup, mount } = request;
  if (await isMounted(directory, mount)) return;
  await checkPath(request);
  await mkdir(directory, { recursive: true, mode: privateMode });
  if (fsGroup !== undefined) {
    if (await isMountedElsewhere(directory, mount)) await compareGroup(request, fsGroup);
    // Before it is mounted: a runner that dies on the way does it again.
    else if (!readOnly) await giveTo(path, fsGroup, request.fsGroupChangePolicy, signal);
  }
  await bind(request, signal);
}

async function checkPath({ name, path }: LocalVolumeRequest): Promise<void> {
  if (path.split('/').includes('..')) {
    throw new VolumeError('SETUP_FAILED', `invalid path: ${path} must not contain '..'`);
  }
  const found = await statOrNothing(path);
  const problem =
    found === undefined
      ? `path ${JSON.stringify(path)} does not exist`
      : found.isBlockDevice()
        ? "block devices are not formatted by this site's runner: mount it on the device, and give that folder as the volume's path"
        : found.isDirectory()
          ? undefined
          : 'only directory and block device are supported';
  if (problem === undefined) return;
  throw new VolumeError(
    'CLAIM_NOT_USABLE',
    `MountVolume.NewMounter initialization failed for volume ${JSON.stringify(name)} : ${problem}`,
  );
}

/** Whether another pod has the same PersistentVolume, whose name is the folder's. */
async function isMountedElsewhere(directory: string, mount: Mounter): Promise<boolean> {
  const place = directory.split(sep).slice(-3).join(sep);
  const podDir = dirname(dirname(dirname(directory)));
  const pods = await realpath(dirname(podDir));
  const points = await mount.mountPoints();
  return points.some((point) => isWithin(point, pods) && point.endsWith(`${sep}${place}`));
}

async function compareGroup(
  { name, path, warn }: LocalVolumeRequest,
  fsGroup: number,
): Promise<void> {
  const { gid } = await stat(path);
  if (gid === fsGroup) return;
  warn(
    'AlreadyMountedVolume',
    `The requested fsGroup is ${fsGroup}, but the volume ${name} has GID ${gid}. The volume may not be shareable.`,
  );
}

async function giveTo(
  path: string,
  fsGroup: number,
  policy: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const root = await realpath(path);
  if (policy === 'OnRootMismatch' && (await hasFsGroup(root, fsGroup, 'readWrite'))) return;
  await applyFsGroup(root, fsGroup, 'readWrite', signal);
}

/** In two steps, for the kernel takes options of a bind mount only when it is there. */
async function bind(
  { path: source, directory: target, options, readOnly, mount }: LocalVolumeRequest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const more = [...new Set([...options, ...(readOnly ? ['ro'] : [])])].filter(
    (option) => option !== '' && option !== 'bind',
  );
  try {
    await mount.mount({ source, target, options: ['bind'] }, signal);
    if (more.length === 0) return;
    await mount.mount({ source, target, options: ['bind', 'remount', ...more.sort()] }, signal);
  } catch (error) {
    await removeMountDir(target, mount);
    throw error;
  }
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
