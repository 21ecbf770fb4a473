import { decodeHeader, frameType, headerBytes, type FrameHeader } from './frame.ts';

/** Receives what a decoder reads, in order. Either may throw, which ends the decoding. */
export interface FrameSink {
  /** A header. For data, `length` bytes of payload follow; check it here, before they come. */
  header(header: FrameHeader): void;
  /** The next piece of the payload of the data frame whose header came last; never empty. */
  payload(chunk: Buffer): void;
}

/**
 * Cuts a byte stream into yamux frames however it was split up on the way. Keeps at most one
 * incomplete header and never a payload. After an error it must not be used again.
 */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #partial = Buffer.alloc(headerBytes);
  #partialBytes = 0;
  #payloadLeft = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length) {
      offset =
        this.#payloadLeft > 0 ? this.#takePayload(bytes, offset) : this.#takeHeader(bytes, offset);
    }
  }

  #takePayload(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + this.#payloadLeft);
    this.#payloadLeft -= end - offset;
    this.#sink.payload(bytes.subarray(offset, end));
    return end;
  }

  #takeHeader(bytes: Buffer, offset: number): number {
    if (this.#partialBytes === 0 && bytes.length - offset >= headerBytes) {
      this.#header(decodeHeader(bytes, offset));
      return offset + headerBytes;
    }
    const end = Math.min(bytes.length, offset + headerBytes - this.#partialBytes);
    bytes.copy(this.#partial, this.#partialBytes, offset, end);
    this.#partialBytes += end - offset;
    if (this.#partialBytes === headerBytes) {
      this.#partialBytes = 0;
      this.#header(decodeHeader(this.#partial, 0));
    }
    return end;
  }

  #header(header: FrameHeader): void {
    if (header.type === frameType.data) this.#payloadLeft = header.length;
    this.#sink.header(header);
  }
}
