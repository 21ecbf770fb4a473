import type { Carrier } from './carrier.ts';
import { systemClock, type Clock } from './clock.ts';
import { TunnelError } from './errors.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { frameFlag, frameType, goAwayCode, type FrameHeader } from './frame.ts';
import { acceptorPingDelayMs, defaultLimits, type TunnelLimits } from './limits.ts';
import { Liveness } from './liveness.ts';
import { Sender } from './sender.ts';
import { StreamTable } from './stream-table.ts';
import type { StreamClass, TunnelStream } from './stream.ts';
import { TokenBucket } from './token-bucket.ts';

export type SessionRole = 'client' | 'server';

export interface SessionOptions {
  /**
   * Takes a stream that the peer opened, synchronously. When it throws, the stream is reset and
   * the session goes on.
   */
  readonly onStream: (stream: TunnelStream, session: Session) => void;
  readonly clock?: Clock;
  readonly limits?: Partial<TunnelLimits>;
}

/**
 * A yamux session over a carrier: streams both ways, with flow control, order of sending and
 * liveness. It ends once, for a reason that `closed` gives and that every open stream is
 * destroyed with.
 */
export class Session {
  /** Resolves with the reason when the session ends, whoever ended it. Never rejects. */
  readonly closed: Promise<TunnelError>;
  /** Resolves when the peer says that it takes no new streams. */
  readonly remoteGoAway: Promise<void>;
  readonly #carrier: Carrier;
  readonly #options: SessionOptions;
  readonly #limits: TunnelLimits;
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #sender: Sender;
  readonly #streams: StreamTable;
  readonly #liveness: Liveness;
  readonly #pings: TokenBucket;
  readonly #opens: TokenBucket;
  readonly #resolveClosed: (reason: TunnelError) => void;
  readonly #resolveRemoteGoAway: () => void;
  readonly #waitingPings = new Map<number, PromiseWithResolvers<number>>();
  #ended: TunnelError | undefined;
  #goingAway = false;
  #remoteGoingAway = false;
  #payloadOf: TunnelStream | undefined;
  #drained: (() => void) | undefined;

  constructor(carrier: Carrier, options: SessionOptions & { readonly role: SessionRole }) {
    const closed = Promise.withResolvers<TunnelError>();
    const remoteGoAway = Promise.withResolvers<undefined>();
    this.closed = closed.promise;
    this.remoteGoAway = remoteGoAway.promise;
    this.#resolveClosed = closed.resolve;
    this.#resolveRemoteGoAway = (): void => {
      remoteGoAway.resolve(undefined);
    };
    this.#carrier = carrier;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#pings = new TokenBucket(
      this.#limits.maxPingBurst,
      this.#limits.maxPingsPerSecond,
      this.#clock,
    );
    this.#opens = new TokenBucket(
      this.#limits.maxOpenBurst,
      this.#limits.maxOpensPerSecond,
      this.#clock,
    );
    this.#sender = new Sender(carrier, this.#limits, this.#clock, () => {
      this.#fail(new TunnelError('CONTROL_FLOOD', 'the peer asks for more answers than it takes'));
    });
    this.#streams = new StreamTable({
      role: options.role,
      limits: this.#limits,
      clock: this.#clock,
      sender: this.#sender,
      emptied: () => this.#drained?.(),
    });
    this.#decoder = new FrameDecoder({
      header: (header) => {
        this.#header(header);
      },
      payload: (chunk) => {
        this.#payloadOf?.receive(chunk);
      },
    });
    this.#liveness = this.#watchPeer(options.role);
    this.#startCarrier();
    this.#sender.ping();
  }

  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** Streams that are open now, of both sides. */
  get streamCount(): number {
    return this.#streams.count;
  }

  /** The latest measured round trip in milliseconds. */
  get rttMs(): number | undefined {
    return this.#sender.inFlight.rttMs;
  }

  /**
   * Opens a stream; it can be written to at once. Throws TunnelError GOING_AWAY when either end
   * takes no new streams, TOO_MANY_STREAMS at the limit, or the reason for which the session ended.
   */
  open(streamClass: StreamClass): TunnelStream {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#goingAway || this.#remoteGoingAway) {
      throw new TunnelError('GOING_AWAY', 'the tunnel takes no new streams: it is being closed');
    }
    return this.#streams.openOutbound(streamClass);
  }

  /** Measures a round trip, in milliseconds. Rejects with the reason when the session ends first. */
  async ping(): Promise<number> {
    if (this.#ended !== undefined) throw this.#ended;
    const answer = Promise.withResolvers<number>();
    this.#waitingPings.set(this.#sender.ping(), answer);
    return answer.promise;
  }

  /** Takes no new streams from now on and tells the peer; running ones go on. */
  goAway(): void {
    if (this.#goingAway || this.#ended !== undefined) return;
    this.#goingAway = true;
    this.#sender.goAway(goAwayCode.normal);
  }

  /** Says go-away, waits until no stream is left or `graceMs` have passed, then closes. */
  async drain(graceMs: number): Promise<TunnelError> {
    this.goAway();
    if (this.#streams.count > 0 && this.#ended === undefined) {
      const done = Promise.withResolvers<undefined>();
      const finish = (): void => {
        done.resolve(undefined);
      };
      this.#drained = finish;
      const cancel = this.#clock.after(graceMs, finish);
      await Promise.race([done.promise, this.closed]);
      cancel();
    }
    this.close();
    return this.closed;
  }

  /** Ends the session and destroys its streams with the reason; the peer learns it as far as possible. */
  close(reason?: TunnelError): void {
    this.#fail(reason ?? new TunnelError('SESSION_CLOSED', 'the tunnel was closed at this end'));
  }

  #watchPeer(role: SessionRole): Liveness {
    const { pingAfterMs, askAfterMs, deadAfterMs } = this.#limits;
    const laterMs = Math.min(acceptorPingDelayMs, (deadAfterMs - pingAfterMs) / 2);
    const liveness = new Liveness({
      clock: this.#clock,
      pingAfterMs: pingAfterMs + (role === 'server' ? laterMs : 0),
      ...{ askAfterMs, deadAfterMs, answerMs: deadAfterMs - pingAfterMs },
      ping: () => this.#sender.ping(),
      dead: (silentMs) => {
        const seconds = Math.round(silentMs / 1000);
        this.#end(
          new TunnelError('PEER_SILENT', `nothing was heard from the peer for ${seconds} s`),
        );
        this.#carrier.terminate();
      },
    });
    this.#sender.onData = (bytes) => {
      liveness.sent(bytes);
    };
    return liveness;
  }

  #startCarrier(): void {
    this.#carrier.start({
      data: (bytes) => {
        this.#receive(bytes);
      },
      drained: () => {
        this.#sender.flush();
      },
      violated: (error) => {
        this.#fail(error);
      },
      closed: (error) => {
        this.#end(error);
      },
    });
  }

  #receive(bytes: Buffer): void {
    if (this.#ended !== undefined) return;
    this.#liveness.heard();
    try {
      this.#decoder.push(bytes);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
    }
  }

  #header(header: FrameHeader): void {
    if (this.#ended !== undefined) throw this.#ended;
    switch (header.type) {
      case frameType.data:
      case frameType.windowUpdate:
        this.#streamFrame(header);
        break;
      case frameType.ping:
        this.#ping(header);
        break;
      case frameType.goAway:
        this.#goAwayReceived(header.length);
        break;
    }
  }

  #streamFrame(header: FrameHeader): void {
    this.#payloadOf = undefined;
    if ((header.flags & frameFlag.syn) !== 0) this.#opened(header.streamId);
    const stream = this.#streams.find(header.streamId);
    if (stream === undefined) return;
    if ((header.flags & frameFlag.rst) !== 0) {
      this.#streams.resetByPeer(stream);
      return;
    }
    if ((header.flags & frameFlag.ack) !== 0) this.#streams.accepted(stream);
    if (header.type === frameType.windowUpdate) this.#credit(stream, header.length);
    else this.#announce(stream, header.length);
    if ((header.flags & frameFlag.fin) !== 0) this.#fin(stream, header);
  }

  #fin(stream: TunnelStream, header: FrameHeader): void {
    const payloadBytes = header.type === frameType.data ? header.length : 0;
    if (stream.receiveFin(payloadBytes)) return;
    throw new TunnelError('FLAGS_INVALID', `stream ${stream.id} was ended twice`);
  }

  #credit(stream: TunnelStream, bytes: number): void {
    if (stream.receiveCredit(bytes)) return;
    throw new TunnelError('WINDOW_OVERFLOW', `credit beyond 32 bits on stream ${stream.id}`);
  }

  #announce(stream: TunnelStream, bytes: number): void {
    if (bytes > 0 && stream.finReceived) {
      throw new TunnelError('DATA_AFTER_FIN', `data after the end of stream ${stream.id}`);
    }
    if (!stream.window.announce(bytes)) {
      throw new TunnelError('WINDOW_EXCEEDED', `${bytes} bytes beyond the window of ${stream.id}`);
    }
    this.#payloadOf = stream;
  }

  #opened(streamId: number): void {
    if (!this.#opens.take()) {
      throw new TunnelError('OPEN_FLOOD', 'the peer opens streams faster than allowed');
    }
    const stream = this.#streams.openInbound(streamId, this.#goingAway);
    if (stream === undefined) return;
    try {
      this.#options.onStream(stream, this);
    } catch (cause) {
      stream.destroy(
        new TunnelError('STREAM_REFUSED', `stream ${streamId} was refused`, { cause }),
      );
    }
  }

  #ping(header: FrameHeader): void {
    if ((header.flags & frameFlag.syn) !== 0) {
      if (!this.#pings.take()) {
        throw new TunnelError('PING_FLOOD', 'the peer pings faster than allowed');
      }
      this.#sender.pong(header.length);
      return;
    }
    const rttMs = this.#sender.pongReceived(header.length);
    if (rttMs === undefined) return;
    this.#waitingPings.get(header.length)?.resolve(rttMs);
    this.#waitingPings.delete(header.length);
  }

  #goAwayReceived(code: number): void {
    if (code === goAwayCode.normal) {
      this.#remoteGoingAway = true;
      this.#resolveRemoteGoAway();
    } else if (code === goAwayCode.protocolError || code === goAwayCode.internalError) {
      const what = code === goAwayCode.protocolError ? 'a protocol error' : 'an internal error';
      throw new TunnelError('PEER_ERROR', `the peer ended the tunnel over ${what}`);
    } else {
      throw new TunnelError('GO_AWAY_INVALID', `go-away with unknown code ${code}`);
    }
  }

  #fail(reason: TunnelError): void {
    if (this.#ended !== undefined) return;
    const orderly = ['SESSION_CLOSED', 'REPLACED', 'DISMISSED'].includes(reason.code);
    this.#sender.finish(orderly ? undefined : goAwayCode.protocolError);
    this.#end(reason);
    this.#carrier.close(reason);
  }

  #end(reason: TunnelError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#liveness.stop();
    this.#sender.stop();
    this.#streams.failAll(reason);
    for (const answer of this.#waitingPings.values()) answer.reject(reason);
    this.#waitingPings.clear();
    this.#resolveClosed(reason);
  }
}
