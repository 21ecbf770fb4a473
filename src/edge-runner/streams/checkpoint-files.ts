import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { CheckpointHead } from '../../protocol/stream-head.ts';
import { safeName } from '../volumes/safe-name.ts';
import { maxCheckpointBytes, maxCheckpoints } from './limits.ts';

/** The folder of checkpoints in the state directory. */
export const checkpointsName = 'checkpoints';

/**
 * A kubelet's name, but with milliseconds: a container may be asked for twice within a second.
 * @throws VolumeError `UNSAFE_NAME`
 */
export function checkpointName({ namespace, pod, container }: CheckpointHead, at: Date): string {
  return `checkpoint-${safeName(pod)}_${safeName(namespace)}-${safeName(container)}-${at.toISOString()}.tar`;
}

/**
 * Removes all but the newest few that together are no larger than may be kept; the newest stays
 * however large it is.
 */
export async function trimCheckpoints(dir: string): Promise<void> {
  const found = await Promise.all((await readdir(dir)).map((name) => describe(join(dir, name))));
  const files = found.filter((file) => file !== undefined).sort((a, b) => b.atMs - a.atMs);
  let bytes = 0;
  for (const [index, file] of files.entries()) {
    bytes += file.bytes;
    const isKept = index === 0 || (index < maxCheckpoints && bytes <= maxCheckpointBytes);
    if (!isKept) await rm(file.path, { recursive: true, force: true });
  }
}

/** All of them, for they hold the memory of containers that are of the device's site no more. */
export async function removeCheckpoints(dir: string, log: Pick<Logger, 'error'>): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch (err) {
    log.error({ err, dir }, 'the checkpoints of containers can not be removed: remove the folder');
  }
}

/** Undefined when it has gone meanwhile. */
async function describe(
  path: string,
): Promise<{ path: string; bytes: number; atMs: number } | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats && { path, bytes: stats.size, atMs: stats.mtimeMs };
}
