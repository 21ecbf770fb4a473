import type { Cancel, Clock } from './clock.ts';
import { TunnelError } from './errors.ts';
import type { TunnelLimits } from './limits.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { Sender } from './sender.ts';
import { TunnelStream, type StreamClass, type StreamHost } from './stream.ts';

export interface StreamTableOptions {
  readonly role: 'client' | 'server';
  readonly limits: TunnelLimits;
  readonly clock: Clock;
  readonly sender: Sender;
  /** The last stream has gone. */
  emptied(): void;
}

const maxStreamId = 0xffff_ffff;

/** The open streams of a session, their ids, and the memory that they share. */
export class StreamTable implements StreamHost {
  readonly #options: StreamTableOptions;
  readonly #streams = new Map<number, TunnelStream>();
  readonly #unaccepted = new Map<TunnelStream, number>();
  #nextId: number;
  #highestInboundId = 0;
  #inboundCount = 0;
  #unreadBytes = 0;
  #grownBytes = 0;
  #cancelOpenCheck: Cancel | undefined;

  constructor(options: StreamTableOptions) {
    this.#options = options;
    this.#nextId = options.role === 'client' ? 1 : 2;
    options.sender.grantGrowth = (bytes): boolean => this.#grantGrowth(bytes);
  }

  get count(): number {
    return this.#streams.size;
  }

  openOutbound(streamClass: StreamClass): TunnelStream {
    const { limits, clock } = this.#options;
    if (this.#streams.size - this.#inboundCount >= limits.maxOutboundStreams) {
      throw new TunnelError(
        'TOO_MANY_STREAMS',
        `the tunnel has ${limits.maxOutboundStreams} streams of this end already`,
      );
    }
    if (this.#nextId > maxStreamId) {
      throw new TunnelError('GOING_AWAY', 'the tunnel has used up its stream ids');
    }
    const stream = this.#create(this.#nextId, false, streamClass);
    this.#nextId += 2;
    this.#unaccepted.set(stream, clock.now());
    this.#watchOpens();
    this.#options.sender.schedule(stream);
    return stream;
  }

  /** A stream that the peer opened, or undefined when it was refused. Throws on an id it may not use. */
  openInbound(id: number, refuse: boolean): TunnelStream | undefined {
    if (!this.#isInboundId(id)) {
      throw new TunnelError('STREAM_ID_INVALID', `the peer may not open a stream ${id}`);
    }
    if (this.#streams.has(id)) {
      throw new TunnelError('STREAM_DUPLICATE', `the peer opened stream ${id} twice`);
    }
    this.#highestInboundId = Math.max(this.#highestInboundId, id);
    if (refuse || this.#inboundCount >= this.#options.limits.maxInboundStreams) {
      this.#options.sender.reset(id);
      return undefined;
    }
    this.#inboundCount += 1;
    const stream = this.#create(id, true, 'interactive');
    this.#options.sender.schedule(stream);
    return stream;
  }

  /** The open stream of this id, or undefined for one that has ended. Throws for one that never was. */
  find(id: number): TunnelStream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    if (id === 0) {
      throw new TunnelError('STREAM_ID_INVALID', 'a frame for a stream names stream 0');
    }
    const was = this.#isInboundId(id) ? id <= this.#highestInboundId : id < this.#nextId;
    if (was) return undefined;
    throw new TunnelError('STREAM_UNKNOWN', `a frame names stream ${id}, which was never opened`);
  }

  accepted(stream: TunnelStream): void {
    stream.receiveAck();
    this.#unaccepted.delete(stream);
  }

  resetByPeer(stream: TunnelStream): void {
    this.#remove(stream);
    const error = stream.accepted
      ? new TunnelError('STREAM_RESET', `the peer reset stream ${stream.id}`)
      : new TunnelError('STREAM_REFUSED', `the peer refused stream ${stream.id}`);
    stream.fail(error);
  }

  failAll(reason: TunnelError): void {
    this.#cancelOpenCheck?.();
    this.#cancelOpenCheck = undefined;
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.fail(reason);
  }

  schedule(stream: TunnelStream): void {
    this.#options.sender.schedule(stream);
  }

  creditDue(stream: TunnelStream): void {
    this.#options.sender.credit(stream);
  }

  unread(bytes: number): void {
    this.#unreadBytes += bytes;
    if (this.#unreadBytes > this.#options.limits.maxUnreadBytes) this.#shedMemory();
  }

  forget(stream: TunnelStream, reset: boolean): void {
    if (this.#streams.get(stream.id) !== stream) return;
    if (reset) this.#options.sender.reset(stream.id);
    this.#remove(stream);
  }

  #create(id: number, inbound: boolean, streamClass: StreamClass): TunnelStream {
    const { limits } = this.#options;
    const stream = new TunnelStream({
      id,
      inbound,
      streamClass,
      window: new ReceiveWindow({
        initialBytes: limits.initialWindowBytes,
        maxBytes: limits.maxWindowBytes,
      }),
      sendWindowBytes: limits.initialWindowBytes,
      writeBufferBytes: limits.streamWriteBufferBytes,
      host: this,
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #remove(stream: TunnelStream): void {
    if (!this.#streams.delete(stream.id)) return;
    if (stream.inbound) this.#inboundCount -= 1;
    this.#unaccepted.delete(stream);
    this.#grownBytes -= stream.window.grownBytes;
    this.#options.sender.forget(stream);
    if (this.#streams.size === 0) this.#options.emptied();
  }

  #isInboundId(id: number): boolean {
    return id !== 0 && id % 2 === (this.#options.role === 'client' ? 0 : 1);
  }

  #grantGrowth(bytes: number): boolean {
    if (this.#grownBytes + bytes > this.#options.limits.maxWindowGrowthBytes) return false;
    this.#grownBytes += bytes;
    return true;
  }

  /** Resets the stream that holds most: its reader stalls, the others go on. */
  #shedMemory(): void {
    let largest: TunnelStream | undefined;
    for (const stream of this.#streams.values()) {
      if (stream.unreadBytes > (largest?.unreadBytes ?? 0)) largest = stream;
    }
    largest?.destroy(
      new TunnelError(
        'SESSION_MEMORY',
        `stream ${largest.id} was reset: nobody reads it, and the tunnel has no memory left`,
      ),
    );
  }

  #watchOpens(): void {
    if (this.#cancelOpenCheck !== undefined) return;
    const { clock, limits } = this.#options;
    this.#cancelOpenCheck = clock.after(limits.openTimeoutMs, () => {
      this.#cancelOpenCheck = undefined;
      this.#checkOpens(clock.now() - limits.openTimeoutMs);
    });
  }

  #checkOpens(openedBeforeMs: number): void {
    for (const [stream, openedAtMs] of [...this.#unaccepted]) {
      if (openedAtMs > openedBeforeMs) break;
      stream.destroy(
        new TunnelError('STREAM_OPEN_TIMEOUT', `the peer did not accept stream ${stream.id}`),
      );
    }
    if (this.#unaccepted.size > 0) this.#watchOpens();
  }
}
