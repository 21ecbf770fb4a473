import type { FileHandle } from 'node:fs/promises';
import { maxLineHeadBytes, readChunkBytes } from './limits.ts';
import { LineHead } from './log-line-head.ts';
import type { LogStream } from './log-options.ts';

const newline = 0x0a;

/**
 * Looks for the place from which a log has so many lines left, from its end towards its start,
 * through as many files as it takes. A line counts where it ends, so that one written in parts
 * counts once.
 */
export class TailSearch {
  readonly #head = new LineHead();
  readonly #stream: LogStream;
  #lineEndsLeft: number;
  #atVeryEnd = true;

  constructor(lines: number, stream: LogStream) {
    // The place is behind the end of the line before the first one wanted.
    this.#lineEndsLeft = lines + 1;
    this.#stream = stream;
  }

  /** Whether the place lies in an older file than those searched. */
  get goesOn(): boolean {
    return this.#lineEndsLeft > 0;
  }

  /**
   * Searches one file, the newest first. Returns the offset from which to read it, which is 0
   * when the place lies in an older file. Reads blocks from the end, no more than needed.
   */
  async searchFile(file: FileHandle, size: number): Promise<number> {
    let nextLineStart = size;
    let later: Buffer = Buffer.alloc(0);
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - readChunkBytes);
      const block = await readExactly(file, start, end - start);
      const bytes = Buffer.concat([block, later]);
      for (const lineStart of lineStarts(bytes, block.length, start === 0)) {
        if (start + lineStart === size) continue;
        if (this.#endsBefore(bytes, lineStart)) return nextLineStart;
        nextLineStart = start + lineStart;
      }
      later = Buffer.from(bytes.subarray(0, maxLineHeadBytes));
      end = start;
    }
    return 0;
  }

  /**
   * Searches a file that can only be read forwards: given how many lines end in it, returns how
   * many to skip.
   */
  searchCounted(lines: number): number {
    const wanted = this.#lineEndsLeft;
    this.#lineEndsLeft = Math.max(0, wanted - lines);
    this.#atVeryEnd &&= lines === 0;
    return Math.max(0, lines - wanted + 1);
  }

  /** Counts the line; true when it is the one before the first that is wanted. */
  #endsBefore(bytes: Buffer, lineStart: number): boolean {
    const readable = this.#head.read(bytes, lineStart) === 'ok';
    if (!readable || !this.#isWantedStream()) return false;
    if (this.#head.isFull || this.#atVeryEnd) this.#lineEndsLeft -= 1;
    this.#atVeryEnd = false;
    return this.#lineEndsLeft === 0;
  }

  #isWantedStream(): boolean {
    return this.#stream === 'all' || (this.#stream === 'stderr') === this.#head.isStderr;
  }
}

/** The starts of lines in the first `length` bytes and right behind them, last one first. */
function* lineStarts(bytes: Buffer, length: number, isFileStart: boolean): Generator<number> {
  for (let at = length; at > 0;) {
    const lineEnd = bytes.lastIndexOf(newline, at - 1);
    if (lineEnd < 0) break;
    yield lineEnd + 1;
    at = lineEnd;
  }
  if (isFileStart) yield 0;
}

/** Reads less only when the file became shorter meanwhile. */
async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const block = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(block, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return block.subarray(0, filled);
}
