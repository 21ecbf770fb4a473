import type { Readable, Writable } from 'node:stream';
import { TunnelError } from './errors.ts';
import { nestsDeeper } from './json-depth.ts';
import { maxJsonDepth } from './limits.ts';

const lengthBytes = 4;

/**
 * Writes one value as a frame: its length in 4 bytes, big-endian, then UTF-8 JSON. Resolves when
 * the stream has taken it; rejects with the stream's error.
 */
export async function writeFrame(stream: Writable, value: unknown): Promise<void> {
  const json = Buffer.from(JSON.stringify(value), 'utf8');
  const frame = Buffer.allocUnsafe(lengthBytes + json.length);
  frame.writeUInt32BE(json.length, 0);
  json.copy(frame, lengthBytes);
  await new Promise<void>((resolve, reject) => {
    stream.write(frame, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/**
 * Reads frames from a stream and takes no byte beyond them, so that after `release` (or between
 * two reads) the stream goes on as raw bytes.
 */
export class FrameReader {
  readonly #stream: Readable;
  readonly #maxBytes: number;
  #cancel: ((error: TunnelError) => void) | undefined;

  constructor(stream: Readable, maxBytes: number) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
  }

  /**
   * The next value, or undefined at a clean end. Rejects with TunnelError FRAME_TOO_LARGE before
   * anything of a longer frame is kept, FRAME_INVALID for what isn't JSON or nests deeper than
   * `maxJsonDepth`, FRAME_TRUNCATED when the stream ends within a frame, ABORTED by the signal, or the stream's own error.
   */
  async read(signal?: AbortSignal): Promise<unknown> {
    const head = await this.#take(lengthBytes, signal);
    if (head.length === 0) return undefined;
    if (head.length < lengthBytes) throw truncated();
    const bytes = head.readUInt32BE(0);
    if (bytes > this.#maxBytes) {
      const text = `a message of ${bytes} bytes came, and at most ${this.#maxBytes} are allowed`;
      throw new TunnelError('FRAME_TOO_LARGE', text);
    }
    const body = await this.#take(bytes, signal);
    if (body.length < bytes) throw truncated();
    if (nestsDeeper(body, maxJsonDepth)) {
      throw new TunnelError(
        'FRAME_INVALID',
        `a message came that nests deeper than ${maxJsonDepth}`,
      );
    }
    try {
      return JSON.parse(body.toString('utf8'));
    } catch {
      // What is wrong with it would be told with a piece of it, and it may be a Secret.
      throw new TunnelError('FRAME_INVALID', `a message of ${bytes} bytes came that is not JSON`);
    }
  }

  /** Ends a read that is under way, if any. Unread bytes are on the stream. */
  release(): void {
    this.#cancel?.(new TunnelError('ABORTED', 'reading was given up'));
  }

  /** Exactly so many bytes, or fewer when the stream ends first. */
  async #take(bytes: number, signal: AbortSignal | undefined): Promise<Buffer> {
    const target = Buffer.allocUnsafe(bytes);
    let filled = 0;
    for (;;) {
      const taken = this.#fill(target, filled);
      filled += taken;
      if (filled === bytes) return target;
      // A stream says that it is readable again only once it was read until it gave nothing.
      if (taken === 0 && !(await this.#moreComes(signal))) return target.subarray(0, filled);
    }
  }

  #fill(target: Buffer, offset: number): number {
    const wanted = target.length - offset;
    if (wanted === 0) return 0;
    const chunk: unknown = this.#stream.read();
    if (!Buffer.isBuffer(chunk)) return 0;
    const taken = chunk.copy(target, offset, 0, wanted);
    if (taken < chunk.length) this.#stream.unshift(chunk.subarray(taken));
    return taken;
  }

  /** Waits until something can be read; false at the end of the stream. */
  #moreComes(signal: AbortSignal | undefined): Promise<boolean> {
    const stream = this.#stream;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const onReadable = (): void => {
      resolve(true);
    };
    const onEnd = (): void => {
      if (stream.errored) reject(stream.errored);
      else resolve(false);
    };
    const onAbort = (): void => {
      reject(new TunnelError('ABORTED', 'reading was given up', { cause: signal?.reason }));
    };
    if (signal?.aborted) onAbort();
    else if (stream.errored) reject(stream.errored);
    else if (stream.readableEnded || stream.destroyed) resolve(false);
    this.#cancel = reject;
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', reject);
    signal?.addEventListener('abort', onAbort);
    return promise.finally(() => {
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
      stream.off('error', reject);
      signal?.removeEventListener('abort', onAbort);
      this.#cancel = undefined;
    });
  }
}

function truncated(): TunnelError {
  return new TunnelError('FRAME_TRUNCATED', 'the stream ended in the middle of a message');
}
