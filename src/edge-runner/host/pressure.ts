import { statfs } from 'node:fs/promises';
import { HostError } from './host-error.ts';
import { readText, requireText, type HostRoot } from './host-files.ts';
import { parseMeminfo, requireMemory } from './meminfo.ts';

/** A filesystem as an unprivileged user sees it: the blocks reserved for root are not available. */
export interface FilesystemUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/**
 * `workingSetBytes` is what cannot be reclaimed at once; a kubelet's `memory.available` is
 * `totalBytes - workingSetBytes`, given here as `availableBytes`.
 */
export interface MemoryUsage {
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly workingSetBytes: number;
}

/** Processes and threads together, as the kernel counts them. */
export interface PidUsage {
  readonly max: number;
  readonly running: number;
}

/** The filesystem that a path lies on. Throws HostError `HOST_FACT_MISSING`. */
export async function readFilesystemUsage(path: string): Promise<FilesystemUsage> {
  try {
    const { bsize, blocks, bavail, files, ffree } = await statfs(path);
    return {
      capacityBytes: blocks * bsize,
      availableBytes: bavail * bsize,
      inodes: files,
      inodesFree: ffree,
    };
  } catch (cause) {
    throw new HostError('HOST_FACT_MISSING', `the filesystem of ${path} cannot be examined`, {
      cause,
    });
  }
}

/** Throws HostError. */
export async function readMemoryUsage(root: HostRoot = {}): Promise<MemoryUsage> {
  return parseMemoryUsage(await requireText(root, '/proc/meminfo'));
}

/**
 * From `/proc/meminfo`, which is right under cgroup v1 and v2 alike: what is used, less the file
 * pages that were not touched lately (the root cgroup's usage less inactive_file).
 */
export function parseMemoryUsage(meminfo: string): MemoryUsage {
  const values = parseMeminfo(meminfo);
  const totalBytes = requireMemory(values, 'MemTotal');
  const used = totalBytes - requireMemory(values, 'MemFree');
  const workingSetBytes = Math.max(0, used - requireMemory(values, 'Inactive(file)'));
  return { totalBytes, workingSetBytes, availableBytes: totalBytes - workingSetBytes };
}

/** Throws HostError. */
export async function readPidUsage(root: HostRoot = {}): Promise<PidUsage> {
  const limits = await Promise.all(
    ['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'].map(async (path) =>
      Number((await readText(root, path)) ?? Infinity),
    ),
  );
  return {
    max: Math.min(...limits),
    running: parseRunningPids(await requireText(root, '/proc/loadavg')),
  };
}

/** The number after the slash in `/proc/loadavg`. Throws HostError `HOST_FACT_MALFORMED`. */
export function parseRunningPids(loadavg: string): number {
  const [, running] = /^\S+ \S+ \S+ \d+\/(\d+)/.exec(loadavg) ?? [];
  if (running !== undefined) return Number(running);
  throw new HostError('HOST_FACT_MALFORMED', '/proc/loadavg does not count processes');
}
