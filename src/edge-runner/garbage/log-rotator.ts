import { createReadStream, createWriteStream } from 'node:fs';
import { access, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Logger } from 'pino';
import { systemCodeOf } from '../join/errors.ts';
import { isMissing } from '../logs/log-error.ts';
import { listRotatedLogs } from '../logs/log-files.ts';

export interface LogRotatorOptions {
  /** Has the runtime open the file of a container's log anew. */
  reopen: (containerId: string) => Promise<unknown>;
  /** A larger log is rotated. */
  maxBytes: number;
  /** Files kept of a container's log, the current one included. At least 2. */
  maxFiles: number;
  nowMs: () => number;
  log: Pick<Logger, 'warn'>;
}

/** A running container whose runtime writes to `logPath`. */
export interface LoggingContainer {
  readonly id: string;
  readonly logPath: string;
}

/**
 * Keeps container logs within bounds. File names and order are a kubelet's: `0.log.20060102-150405`
 * (in UTC), all but the newest rotated one compressed.
 * Source: kubelet, pkg/kubelet/logs/container_log_manager.go.
 */
export class LogRotator {
  readonly #options: LogRotatorOptions;

  constructor(options: LogRotatorOptions) {
    this.#options = options;
  }

  /** Looks at every log once; one that fails doesn't keep the others from it. */
  async rotate(containers: readonly LoggingContainer[], signal: AbortSignal): Promise<void> {
    for (const container of containers) {
      if (signal.aborted) return;
      try {
        await this.#look(container, signal);
      } catch (error) {
        if (signal.aborted) return;
        const fields = { err: error, file: container.logPath };
        this.#options.log.warn(fields, 'a container log could not be rotated; trying again');
      }
    }
  }

  async #look(container: LoggingContainer, signal: AbortSignal): Promise<void> {
    const size = await sizeOf(container.logPath);
    // Moved away, and the runtime was not told: the runner ended in between.
    if (size === undefined) await this.#options.reopen(container.id);
    else if (size > this.#options.maxBytes) await this.#rotate(container, signal);
  }

  async #rotate({ id, logPath }: LoggingContainer, signal: AbortSignal): Promise<void> {
    const { maxFiles, nowMs, reopen } = this.#options;
    await removeLeftovers(logPath);
    const rotated = await listRotatedLogs(logPath);
    const kept = rotated.slice(Math.max(0, rotated.length - (maxFiles - 2)));
    for (const old of rotated) {
      if (!kept.includes(old)) await rm(old.path, { force: true });
      else if (!old.compressed) await this.#compressOrDrop(old.path, signal);
    }
    const target = `${logPath}.${stamp(nowMs())}`;
    // Twice within a second, or the clock was set back: a later look has another name for it.
    if ((await exists(target)) || (await exists(`${target}.gz`))) return;
    await rename(logPath, target);
    try {
      await reopen(id);
    } catch (error) {
      await rename(target, logPath);
      throw error;
    }
  }

  /** On a full disk an old log makes room for the newest lines. */
  async #compressOrDrop(path: string, signal: AbortSignal): Promise<void> {
    try {
      await compress(path, signal);
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOSPC') throw error;
      await rm(path, { force: true });
      const fields = { err: error, file: path };
      this.#options.log.warn(
        fields,
        'an old container log was removed: the disk is too full to pack it',
      );
    }
  }
}

/** What an interrupted compression has left. */
async function removeLeftovers(logPath: string): Promise<void> {
  const folder = dirname(logPath);
  const names = await readdir(folder);
  const prefix = `${basename(logPath)}.`;
  const leftovers = names.filter((name) => name.startsWith(prefix) && name.endsWith('.tmp'));
  for (const name of leftovers) await rm(join(folder, name), { force: true });
  for (const name of names) {
    const isDone = name.startsWith(prefix) && names.includes(`${name}.gz`);
    if (isDone) await rm(join(folder, name), { force: true });
  }
}

/** The compressed file has its name only once it is whole. */
async function compress(path: string, signal: AbortSignal): Promise<void> {
  const unfinished = `${path}.tmp`;
  try {
    await pipeline(createReadStream(path), createGzip(), createWriteStream(unfinished), { signal });
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await rename(unfinished, `${path}.gz`);
  await rm(path, { force: true });
}

/** `20060102-150405` */
function stamp(ms: number): string {
  const digits = new Date(ms).toISOString().replaceAll(/[-:]/g, '');
  return digits.slice(0, 15).replace('T', '-');
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
