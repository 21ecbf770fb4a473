import { constants, type Stats } from 'node:fs';
import { chmod, mkdir, open, realpath, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { isWithin } from './mount-table.ts';
import type { Mounter } from './mounter.ts';
import { hasCode } from './node-error.ts';
import { privateMode } from './pod-layout.ts';
import { tearDown } from './pod-teardown.ts';
import { VolumeError } from './volume-error.ts';

/**
 * Shows `subPath` of a volume at `target`, by a bind mount of the very inode that was checked, so
 * that a container which exchanges a folder for a symbolic link meanwhile gains nothing. Links are
 * followed where they stay inside the volume. What is missing is made as folders with the volume's
 * own mode. A target that already shows the right thing is kept.
 * @throws VolumeError `SUB_PATH`, `MOUNT_FAILED`
 * Source: kubelet, pkg/volume/util/subpath (SafeMakeDir, PrepareSafeSubpath).
 */
export async function bindSubPath(
  request: { volumeDir: string; subPath: string; target: string; mount: Mounter },
  signal?: AbortSignal,
): Promise<void> {
  const { volumeDir, subPath, target, mount } = request;
  const base = await realpath(volumeDir);
  const place = await resolveInside(base, subPath);
  const handle = await openInside(base, place);
  try {
    const source = await handle.stat();
    if (await isShownAt(target, source, mount)) return;
    await clearTarget(target, mount, signal);
    await makeTarget(target, source);
    await mount.bind(`/proc/${process.pid}/fd/${handle.fd}`, target, signal);
  } finally {
    await handle.close();
  }
}

/** Checks what needs no disk: neither absolute nor with `..`. @throws VolumeError `SUB_PATH` */
export function checkSubPath(subPath: string): void {
  if (isAbsolute(subPath)) {
    throw new VolumeError('SUB_PATH', `error SubPath \`${subPath}\` must not be an absolute path`);
  }
  if (subPath.split('/').includes('..')) {
    throw new VolumeError(
      'SUB_PATH',
      `unable to provision SubPath \`${subPath}\`: must not contain '..'`,
    );
  }
}

/** Linux's O_PATH, which Node doesn't name. */
const openPathOnly = 0o10000000;

export interface Place {
  /** Segments from the volume's root to what is there, without symbolic links. */
  present: string[];
  /** Segments to be made under it. */
  missing: string[];
}

/** Where a path leads to inside of `base`. @throws VolumeError `SUB_PATH` when it leads out. */
export async function resolveInside(base: string, subPath: string): Promise<Place> {
  const segments = subPath.split('/').filter((segment) => segment !== '' && segment !== '.');
  for (let count = segments.length; count > 0; count--) {
    const real = await realpathOrNothing(join(base, ...segments.slice(0, count)));
    if (real === undefined) continue;
    if (!isWithin(real, base)) throw outside(subPath);
    return { present: splitPath(relative(base, real)), missing: segments.slice(count) };
  }
  return { present: [], missing: segments };
}

/** Goes from folder to folder by open handles, and never through a symbolic link. */
export async function openInside(base: string, { present, missing }: Place): Promise<FileHandle> {
  let handle = await open(base, openPathOnly | constants.O_NOFOLLOW);
  try {
    const { mode } = await handle.stat();
    for (const segment of present) handle = await step(handle, segment);
    for (const segment of missing) {
      await makeIn(handle, segment);
      handle = await step(handle, segment);
      await chmod(handlePath(handle), mode & 0o7777);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function step(parent: FileHandle, segment: string): Promise<FileHandle> {
  const flags = openPathOnly | constants.O_NOFOLLOW;
  const child = await open(join(handlePath(parent), segment), flags);
  if ((await child.stat()).isSymbolicLink()) {
    await child.close();
    throw outside(segment);
  }
  await parent.close();
  return child;
}

async function makeIn(parent: FileHandle, segment: string): Promise<void> {
  try {
    await mkdir(join(handlePath(parent), segment));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

/** The file behind an open handle. */
export function handlePath({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

async function isShownAt(target: string, source: Stats, mount: Mounter): Promise<boolean> {
  const real = await realpathOrNothing(target);
  if (real === undefined || !(await mount.mountPoints()).includes(real)) return false;
  const shown = await stat(real);
  return shown.dev === source.dev && shown.ino === source.ino;
}

async function clearTarget(
  target: string,
  mount: Mounter,
  signal: AbortSignal | undefined,
): Promise<void> {
  await tearDown([target], mount, signal);
}

async function makeTarget(target: string, source: Stats): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: privateMode });
  if (source.isDirectory()) await mkdir(target, { mode: privateMode });
  else await writeFile(target, '', { mode: 0o640 });
}

async function realpathOrNothing(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function splitPath(path: string): string[] {
  return path === '' ? [] : path.split('/');
}

function outside(subPath: string): VolumeError {
  return new VolumeError('SUB_PATH', `subPath ${JSON.stringify(subPath)} leads out of its volume`);
}
