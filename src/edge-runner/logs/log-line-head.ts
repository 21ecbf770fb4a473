import { maxLineHeadBytes } from './limits.ts';

const space = 0x20;
const newline = 0x0a;
const letterF = 0x46;
const letterP = 0x50;
const streamNameBytes = 6;
const stdoutName = Buffer.from('stdout ');
const stderrName = Buffer.from('stderr ');
const noSpace = -1;
const newlineFirst = -2;

/**
 * The head of a line in CRI's log format, `<RFC 3339> stdout|stderr P|F[:more tags] `, found in
 * place. One object is used for many lines, so that reading a line allocates nothing.
 */
export class LineHead {
  /** Where the time ends and where the message begins. */
  timeEnd = 0;
  bodyStart = 0;
  isStderr = false;
  /** Whether this line ends a line of the container's output (tag F); P lines go on in the next. */
  isFull = false;

  /**
   * Reads the head that starts at `start`. `incomplete` means that `bytes` end inside it, `bad`
   * that no head of this format is there.
   */
  read(bytes: Buffer, start: number): 'ok' | 'incomplete' | 'bad' {
    const end = Math.min(bytes.length, start + maxLineHeadBytes);
    this.timeEnd = findSpace(bytes, start, end);
    const tagStart = this.timeEnd + 1 + streamNameBytes + 1;
    const tagEnd = this.timeEnd < 0 ? this.timeEnd : findSpace(bytes, tagStart, end);
    if (tagEnd === newlineFirst || (tagEnd < 0 && end === start + maxLineHeadBytes)) return 'bad';
    if (tagEnd < 0) return 'incomplete';
    this.bodyStart = tagEnd + 1;
    return this.#readFields(bytes, tagStart) ? 'ok' : 'bad';
  }

  #readFields(bytes: Buffer, tagStart: number): boolean {
    const tag = bytes[tagStart];
    this.isStderr = isAt(bytes, this.timeEnd + 1, stderrName);
    this.isFull = tag === letterF;
    const isKnownStream = this.isStderr || isAt(bytes, this.timeEnd + 1, stdoutName);
    return isKnownStream && (tag === letterF || tag === letterP);
  }
}

function isAt(bytes: Buffer, start: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[start + index] !== expected[index]) return false;
  }
  return true;
}

function findSpace(bytes: Buffer, start: number, end: number): number {
  for (let position = start; position < end; position++) {
    const byte = bytes[position];
    if (byte === space) return position;
    if (byte === newline) return newlineFirst;
  }
  return noSpace;
}
