import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Pod } from '../../kube/api.ts';
import { maxTerminationMessageBytes } from '../limits.ts';
import { maxTerminationLogs } from './limits.ts';
import { hasCode } from './node-error.ts';
import { PodLayout, privateMode } from './pod-layout.ts';

/** Files that the runner makes for a pod besides its volumes; they go when its volumes are torn down. */
export class PodFiles {
  readonly #layout: PodLayout;

  constructor({ rootDir }: { rootDir: string }) {
    this.#layout = new PodLayout({ rootDir, memoryDir: rootDir });
  }

  /**
   * Writes the pod's `/etc/hosts`, always into the same file, since running containers have it mounted.
   * @returns its path on the device.
   */
  async writeHosts(pod: Pod, content: string): Promise<string> {
    const path = this.#layout.etcHosts(pod);
    if ((await readOrNothing(path)) === content) return path;
    await mkdir(dirname(path), { recursive: true, mode: privateMode });
    await writeFile(path, content, { mode: 0o644 });
    await chmod(path, 0o644);
    return path;
  }

  /** A new, empty file for the termination message of a container's next run, and its path. */
  async createTerminationLog(pod: Pod, containerName: string): Promise<string> {
    const directory = this.#layout.containerDir(pod, containerName);
    await mkdir(directory, { recursive: true, mode: privateMode });
    await removeOldest(directory, maxTerminationLogs - 1);
    const path = join(directory, randomBytes(4).toString('hex'));
    await writeFile(path, '', { flag: 'wx' });
    await chmod(path, 0o666);
    return path;
  }

  /** The last 4096 bytes of a termination message; '' when the file is gone. */
  async readTerminationLog(path: string): Promise<string> {
    try {
      await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const { size } = await handle.stat();
      const length = Math.min(size, maxTerminationMessageBytes);
      const { bytesRead, buffer } = await handle.read({
        buffer: Buffer.alloc(length),
        position: size - length,
      });
      return buffer.subarray(0, bytesRead).toString('utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return '';
      throw error;
    }
  }
}

async function removeOldest(directory: string, keep: number): Promise<void> {
  const names = await readdir(directory);
  if (names.length <= keep) return;
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      return { path, bornMs: (await stat(path)).birthtimeMs };
    }),
  );
  files.sort((a, b) => b.bornMs - a.bornMs);
  for (const { path } of files.slice(keep)) await rm(path, { force: true });
}

async function readOrNothing(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
