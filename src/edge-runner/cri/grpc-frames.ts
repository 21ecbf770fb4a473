import { WireError } from './wire-error.ts';

/** One byte of compression flag, four of length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const headerBytes = 5;

/** Puts a gRPC message into its frame, uncompressed. */
export function encodeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headerBytes);
  return frame;
}

/**
 * Cuts a byte stream into gRPC messages, however it was chopped. A declared length is checked
 * before anything of the message is kept.
 */
export class FrameReader {
  readonly #maxMessageBytes: number;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #message: Buffer | undefined;
  #messageFilled = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Returns the messages that this chunk completes. Throws WireError `TOO_LARGE`, or `COMPRESSED`
   * for a message in a compression that was never offered; the stream is of no use after that.
   */
  push(chunk: Uint8Array): Buffer[] {
    const messages: Buffer[] = [];
    for (let position = 0; position < chunk.length;) {
      position += this.#fillHeader(chunk, position);
      if (this.#message === undefined) break;
      position += this.#fillMessage(chunk, position);
      this.#takeComplete(messages);
    }
    return messages;
  }

  /** Whether the stream may end here, that is, between two messages. */
  get atBoundary(): boolean {
    return this.#headerFilled === 0;
  }

  #fillHeader(chunk: Uint8Array, position: number): number {
    if (this.#message !== undefined) return 0;
    const taken = Math.min(headerBytes - this.#headerFilled, chunk.length - position);
    this.#header.set(chunk.subarray(position, position + taken), this.#headerFilled);
    this.#headerFilled += taken;
    if (this.#headerFilled === headerBytes) this.#message = this.#allocateMessage();
    return taken;
  }

  #allocateMessage(): Buffer {
    const length = this.#header.readUInt32BE(1);
    if (this.#header[0] !== 0) {
      throw new WireError('COMPRESSED', 'the message is compressed, which was not asked for');
    }
    if (length > this.#maxMessageBytes) {
      throw new WireError(
        'TOO_LARGE',
        `the message has ${length} bytes, the limit is ${this.#maxMessageBytes}`,
      );
    }
    return Buffer.allocUnsafeSlow(length);
  }

  #fillMessage(chunk: Uint8Array, position: number): number {
    const message = this.#message;
    if (message === undefined) return 0;
    const taken = Math.min(message.length - this.#messageFilled, chunk.length - position);
    message.set(chunk.subarray(position, position + taken), this.#messageFilled);
    this.#messageFilled += taken;
    return taken;
  }

  #takeComplete(messages: Buffer[]): void {
    if (this.#message?.length !== this.#messageFilled) return;
    messages.push(this.#message);
    this.#message = undefined;
    this.#messageFilled = 0;
    this.#headerFilled = 0;
  }
}
