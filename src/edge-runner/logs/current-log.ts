import { stat, type FileHandle } from 'node:fs/promises';
import { LogError, isMissing, unreadable } from './log-error.ts';
import { listRotatedLogs, type RotatedLog } from './log-files.ts';
import { chunksOf, openIfThere } from './rotated-log.ts';

/** The file that the container writes to, kept open across its rotation. */
export class CurrentLog {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #inode: bigint;
  position = 0;
  /** What is written behind it is not read. */
  end = Infinity;

  private constructor(path: string, file: FileHandle, inode: bigint) {
    this.#path = path;
    this.#file = file;
    this.#inode = inode;
  }

  /**
   * Opens the log. Between a rotation and the runtime's reopening there is no file of that name;
   * the newest rotated one stands for it then. Throws LogError `LOG_NOT_FOUND` or `LOG_UNREADABLE`.
   */
  static async open(path: string): Promise<CurrentLog> {
    const file = (await openIfThere(path)) ?? (await openNewestRotated(path));
    if (file === undefined) throw new LogError('LOG_NOT_FOUND', `there is no log file ${path}`);
    const { ino } = await file.stat({ bigint: true });
    return new CurrentLog(path, file, ino);
  }

  get file(): FileHandle {
    return this.#file;
  }

  /** The bytes that were not read yet. Each chunk is valid until the next. */
  async *drain(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const chunk of chunksOf(this.#file, this.position, this.end)) {
        this.position += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw unreadable(this.#path, error);
    }
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  /**
   * What became of the file: `replaced` by another of its name, `gone` with none in its place,
   * `truncated` to less than what was read.
   */
  async fate(): Promise<'same' | 'replaced' | 'gone' | 'truncated'> {
    const named = await inodeAt(this.#path);
    if (named !== undefined && named !== this.#inode) return 'replaced';
    const { nlink, size } = await this.#file.stat();
    if (named === undefined && nlink === 0) return 'gone';
    return size < this.position ? 'truncated' : 'same';
  }

  /** The rotated files that came before this one, oldest first. */
  async olderLogs(): Promise<RotatedLog[]> {
    const logs = await listRotatedLogs(this.#path);
    return upTo(this.#inode, logs);
  }

  /** The rotated files that came after this one and before another, oldest first. */
  async logsUntil(later: CurrentLog): Promise<RotatedLog[]> {
    const logs = await listRotatedLogs(this.#path);
    const own = logs.findIndex(({ inode }) => inode === this.#inode);
    return own < 0 ? [] : upTo(later.#inode, logs.slice(own + 1));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function upTo(inode: bigint, logs: RotatedLog[]): RotatedLog[] {
  const end = logs.findIndex((log) => log.inode === inode);
  return end < 0 ? logs : logs.slice(0, end);
}

async function openNewestRotated(path: string): Promise<FileHandle | undefined> {
  const newest = (await listRotatedLogs(path)).at(-1);
  return newest === undefined || newest.compressed ? undefined : openIfThere(newest.path);
}

async function inodeAt(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
}
