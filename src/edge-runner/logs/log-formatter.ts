import { LineHead } from './log-line-head.ts';
import type { LogQuery } from './log-options.ts';
import { isBefore, parseLogTime, withNineDecimals } from './log-time.ts';

const newline = 0x0a;
const letterZ = 0x5a;

/** A time in UTC that has its nine decimals already, as most have. */
const fullUtcTimeBytes = '2006-01-02T15:04:05.000000000Z'.length;

/** More than the time stamp of one line can grow by. */
const timeGrowthBytes = 16;

type Position = 'head' | 'wanted-body' | 'unwanted-body';

/**
 * Turns the bytes of log files, in whatever pieces they come, into what `kubectl logs` shows.
 * A line is passed on as it arrives, so its length does not matter. Lines that are not in CRI's
 * format are left out, as a kubelet does.
 */
export class LogFormatter {
  readonly #query: Pick<LogQuery, 'since' | 'timestamps' | 'stream'>;
  readonly #head = new LineHead();
  #remainingBytes: number;
  #skipLines = 0;
  #carry: Buffer = Buffer.alloc(0);
  #position: Position = 'head';
  #startsLine = true;
  #fullLines = 0;
  #out: Buffer = Buffer.alloc(0);
  #outLength = 0;

  constructor(query: Pick<LogQuery, 'since' | 'timestamps' | 'limitBytes' | 'stream'>) {
    this.#query = query;
    this.#remainingBytes = query.limitBytes;
  }

  /** Whether the limit is reached: nothing more will come out. */
  get done(): boolean {
    return this.#remainingBytes <= 0;
  }

  /** How many whole lines of the wanted stream went in. */
  get fullLines(): number {
    return this.#fullLines;
  }

  /** Leaves out so many lines from here on. */
  skip(lines: number): void {
    this.#skipLines = lines;
  }

  /** Forgets the piece of a line that it holds, because the next bytes begin a file. */
  startFile(): void {
    this.#carry = Buffer.alloc(0);
    this.#position = 'head';
  }

  /** What these bytes add to the output; may be empty. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    this.#carry = Buffer.alloc(0);
    this.#out = Buffer.allocUnsafe(this.#outputBytes(bytes));
    this.#outLength = 0;
    let at = 0;
    while (at < bytes.length && !this.done) {
      at = this.#position === 'head' ? this.#takeHead(bytes, at) : this.#takeBody(bytes, at);
    }
    const output = this.#out.subarray(0, this.#outLength);
    this.#out = Buffer.alloc(0);
    return output;
  }

  #outputBytes(bytes: Buffer): number {
    return this.#query.timestamps ? bytes.length * 2 + timeGrowthBytes : bytes.length;
  }

  #takeHead(bytes: Buffer, at: number): number {
    const found = this.#head.read(bytes, at);
    if (found === 'incomplete') {
      this.#carry = Buffer.from(bytes.subarray(at));
      return bytes.length;
    }
    if (found === 'bad') {
      this.#head.isFull = false;
      this.#position = 'unwanted-body';
      return at;
    }
    this.#position = this.#isWanted(bytes, at) ? 'wanted-body' : 'unwanted-body';
    if (this.#position === 'wanted-body' && this.#startsLine && this.#query.timestamps) {
      this.#emitTime(bytes, at);
    }
    return this.#head.bodyStart;
  }

  #isWanted(bytes: Buffer, at: number): boolean {
    if (!this.#isWantedStream()) {
      this.#head.isFull = false;
      return false;
    }
    if (this.#skipLines > 0) return false;
    const { since } = this.#query;
    if (since === undefined) return true;
    const time = parseLogTime(bytes.toString('latin1', at, this.#head.timeEnd));
    return time === undefined || !isBefore(time, since);
  }

  #isWantedStream(): boolean {
    const { stream } = this.#query;
    return stream === 'all' || (stream === 'stderr') === this.#head.isStderr;
  }

  #emitTime(bytes: Buffer, at: number): void {
    const { timeEnd } = this.#head;
    if (timeEnd - at === fullUtcTimeBytes && bytes[timeEnd - 1] === letterZ) {
      this.#emit(bytes, at, timeEnd + 1);
      return;
    }
    const time = `${withNineDecimals(bytes.toString('latin1', at, timeEnd))} `;
    this.#emit(Buffer.from(time, 'latin1'), 0, time.length);
  }

  #takeBody(bytes: Buffer, at: number): number {
    const lineEnd = bytes.indexOf(newline, at);
    const bodyEnd = lineEnd < 0 ? bytes.length : lineEnd;
    if (this.#position === 'wanted-body') this.#emitBody(bytes, at, bodyEnd, lineEnd >= 0);
    if (lineEnd < 0) return bytes.length;
    this.#endLine();
    return lineEnd + 1;
  }

  #emitBody(bytes: Buffer, at: number, bodyEnd: number, atLineEnd: boolean): void {
    const withNewline = atLineEnd && this.#head.isFull;
    this.#emit(bytes, at, withNewline ? bodyEnd + 1 : bodyEnd);
    if (atLineEnd) this.#startsLine = this.#head.isFull;
  }

  #endLine(): void {
    this.#position = 'head';
    if (!this.#head.isFull) return;
    this.#fullLines += 1;
    if (this.#skipLines > 0) this.#skipLines -= 1;
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    const length = Math.min(end - start, this.#remainingBytes);
    bytes.copy(this.#out, this.#outLength, start, start + length);
    this.#outLength += length;
    this.#remainingBytes -= length;
  }
}
