import { Duplex } from 'node:stream';
import { TunnelError } from './errors.ts';
import { encodeHeader, frameFlag, frameType, headerBytes } from './frame.ts';
import { ReceiveQueue } from './receive-queue.ts';
import type { ReceiveWindow } from './receive-window.ts';

/** Order in which an end sends: all of one class before any of the next. */
export type StreamClass = 'control' | 'interactive' | 'bulk';

export const streamClasses: readonly StreamClass[] = ['control', 'interactive', 'bulk'];

/** What a stream needs of its session. */
export interface StreamHost {
  /** The stream has a frame to send, or its class changed while it had one. */
  schedule(stream: TunnelStream): void;
  /** The stream read enough to give credit back. */
  creditDue(stream: TunnelStream): void;
  /** Bytes received and not yet read became more or, when negative, fewer. */
  unread(bytes: number): void;
  /** The stream ended on both sides, or, when `reset`, must be reset at the peer. */
  forget(stream: TunnelStream, reset: boolean): void;
}

export interface StreamOptions {
  readonly id: number;
  readonly inbound: boolean;
  readonly streamClass: StreamClass;
  readonly window: ReceiveWindow;
  readonly sendWindowBytes: number;
  readonly writeBufferBytes: number;
  readonly host: StreamHost;
}

type Callback = (error?: Error | null) => void;

/** yamux counts windows in 32 bits. */
const maxSendWindowBytes = 0xffff_ffff;

/**
 * One stream of a session. `end()` sends FIN and leaves the other direction open; `destroy()`
 * before both directions have ended sends RST. Credit goes back to the peer only as the reader
 * consumes, so whoever gets a stream reads it to its end or destroys it.
 *
 * When the peer resets the stream or the session ends, the stream is destroyed with a TunnelError,
 * which its reader, its writers and 'error' all see. It has a listener for 'error' of its own:
 * one that nobody watches doesn't end the process.
 */
export class TunnelStream extends Duplex {
  readonly id: number;
  readonly inbound: boolean;
  /** For the session: this stream's receive window. */
  readonly window: ReceiveWindow;
  readonly #host: StreamHost;
  readonly #received = new ReceiveQueue();
  #streamClass: StreamClass;
  #wanted = false;
  #finReceived = false;
  #bytesBeforeEnd = 0;
  #endPushed = false;
  #openFlag: number;
  #accepted: boolean;
  #finSent = false;
  #forgotten = false;
  #sendWindowBytes: number;
  #outgoing: Buffer[] = [];
  #outgoingOffset = 0;
  #outgoingBytes = 0;
  #written: Callback | undefined;
  #finished: Callback | undefined;

  constructor(options: StreamOptions) {
    super({
      allowHalfOpen: true,
      decodeStrings: true,
      readableHighWaterMark: 1,
      writableHighWaterMark: options.writeBufferBytes,
    });
    this.id = options.id;
    this.inbound = options.inbound;
    this.window = options.window;
    this.#host = options.host;
    this.#streamClass = options.streamClass;
    this.#openFlag = options.inbound ? frameFlag.ack : frameFlag.syn;
    this.#accepted = options.inbound;
    this.#sendWindowBytes = options.sendWindowBytes;
    this.on('error', ignore);
  }

  get streamClass(): StreamClass {
    return this.#streamClass;
  }

  /** Says in what order this end sends; the peer isn't told. */
  set streamClass(streamClass: StreamClass) {
    if (streamClass === this.#streamClass) return;
    this.#streamClass = streamClass;
    if (this.hasFrame()) this.#host.schedule(this);
  }

  /** Whether the peer has accepted the stream. */
  get accepted(): boolean {
    return this.#accepted;
  }

  /** Bytes received that nobody has read. */
  get unreadBytes(): number {
    return this.#received.bytes;
  }

  /** For the session: whether there is anything to send now. */
  hasFrame(): boolean {
    if (this.#forgotten || this.#finSent) return false;
    if (this.#openFlag !== 0) return true;
    if (this.#outgoingBytes > 0) return this.#sendWindowBytes > 0;
    return this.#finished !== undefined;
  }

  /** For the session: appends the next frame to `parts`, gives its size. Only when `hasFrame`. */
  takeFrame(parts: Buffer[], maxPayloadBytes: number): number {
    const payloadBytes = Math.min(this.#outgoingBytes, this.#sendWindowBytes, maxPayloadBytes);
    // Node asks for the end only after every write was taken, so it never waits behind payload.
    const fin = this.#finished !== undefined;
    const type = payloadBytes > 0 ? frameType.data : frameType.windowUpdate;
    const flags = this.#openFlag | (fin ? frameFlag.fin : 0);
    this.#openFlag = 0;
    parts.push(encodeHeader(type, flags, this.id, payloadBytes));
    this.#takePayload(parts, payloadBytes);
    if (fin) this.#finSent = true;
    return headerBytes + payloadBytes;
  }

  /** For the session: after what `takeFrame` gave was sent. Lets the writer go on. */
  frameSent(): void {
    if (this.#outgoingBytes === 0) this.#settleWrite(null);
    if (!this.#finSent) return;
    const finished = this.#finished;
    this.#finished = undefined;
    this.#forgetWhenEnded();
    finished?.(null);
  }

  /** For the session: the payload of a data frame. */
  receive(chunk: Buffer): void {
    if (this.destroyed) return;
    if (this.#wanted && this.#received.bytes === 0) {
      this.#deliver(chunk);
    } else {
      this.#received.push(chunk);
      this.#host.unread(chunk.length);
    }
    if (!this.#finReceived) return;
    this.#bytesBeforeEnd -= chunk.length;
    this.#endWhenComplete();
  }

  /**
   * For the session: after the next `payloadBytes` the peer sends no more. False when it had said
   * so before.
   */
  receiveFin(payloadBytes: number): boolean {
    if (this.#finReceived) return false;
    this.#finReceived = true;
    this.#bytesBeforeEnd = payloadBytes;
    this.#endWhenComplete();
    return true;
  }

  get finReceived(): boolean {
    return this.#finReceived;
  }

  /** For the session: the peer accepted the stream. */
  receiveAck(): void {
    this.#accepted = true;
  }

  /** For the session: the peer may be sent so much more. False when it gave more than can be counted. */
  receiveCredit(bytes: number): boolean {
    if (this.#sendWindowBytes + bytes > maxSendWindowBytes) return false;
    const wasBlocked = !this.hasFrame();
    this.#sendWindowBytes += bytes;
    if (wasBlocked && this.hasFrame()) this.#host.schedule(this);
    return true;
  }

  /** For the session: ends the stream without a word to the peer. */
  fail(error: TunnelError): void {
    this.#forgotten = true;
    this.destroy(error);
  }

  override _read(): void {
    this.#wanted = true;
    while (this.#deliverNext());
    this.#pushEnd();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#take([chunk], callback);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    callback: Callback,
  ): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: Callback): void {
    this.#finished = callback;
    this.#host.schedule(this);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#host.unread(-this.#received.bytes);
    this.#received.clear();
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    if (!this.#forgotten) {
      this.#forgotten = true;
      this.#host.forget(this, !this.#isUnknownToPeer());
    }
    callback(error);
    const lost =
      error ?? new TunnelError('STREAM_DESTROYED', `stream ${this.id} was destroyed at this end`);
    this.#settleWrite(lost);
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.(lost);
  }

  /** No-op, like the next four: node:http calls them on whatever it uses as a socket. */
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #isUnknownToPeer(): boolean {
    return this.#openFlag === frameFlag.syn;
  }

  /** Whether the reader wants more than what it got. */
  #deliverNext(): boolean {
    const chunk = this.#wanted ? this.#received.shift() : undefined;
    if (chunk === undefined) return false;
    this.#host.unread(-chunk.length);
    this.#deliver(chunk);
    return true;
  }

  #deliver(chunk: Buffer): void {
    this.#wanted = this.push(chunk);
    if (this.#finReceived || this.#forgotten) return;
    if (this.window.read(chunk.length)) this.#host.creditDue(this);
  }

  #take(chunks: Buffer[], callback: Callback): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#outgoing.push(chunk);
      this.#outgoingBytes += chunk.length;
    }
    this.#written = callback;
    if (this.#outgoingBytes === 0) this.#settleWrite(null);
    else if (this.hasFrame()) this.#host.schedule(this);
  }

  #takePayload(parts: Buffer[], bytes: number): void {
    let left = bytes;
    let index = 0;
    while (left > 0) {
      const chunk = this.#outgoing[index];
      if (chunk === undefined) break;
      const piece = chunk.subarray(this.#outgoingOffset, this.#outgoingOffset + left);
      parts.push(piece);
      left -= piece.length;
      this.#outgoingOffset += piece.length;
      if (this.#outgoingOffset < chunk.length) break;
      this.#outgoingOffset = 0;
      index += 1;
    }
    this.#outgoing.splice(0, index);
    this.#outgoingBytes -= bytes;
    this.#sendWindowBytes -= bytes;
  }

  #settleWrite(error: Error | null): void {
    const written = this.#written;
    this.#written = undefined;
    written?.(error);
  }

  #endWhenComplete(): void {
    this.#forgetWhenEnded();
    this.#pushEnd();
  }

  #pushEnd(): void {
    if (!this.#finReceived || this.#bytesBeforeEnd > 0) return;
    if (this.#received.bytes === 0 && !this.destroyed && !this.#endPushed) {
      this.#endPushed = true;
      this.push(null);
    }
  }

  #forgetWhenEnded(): void {
    if (!this.#finReceived || this.#bytesBeforeEnd > 0) return;
    if (!this.#finSent || this.#forgotten) return;
    this.#forgotten = true;
    this.#host.forget(this, false);
  }
}

function ignore(): void {
  // Whoever reads or writes sees the error there.
}
