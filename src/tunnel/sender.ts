import type { Carrier } from './carrier.ts';
import type { Clock } from './clock.ts';
import { ControlQueue } from './control-queue.ts';
import { frameFlag, frameType, encodeHeader, headerBytes } from './frame.ts';
import { InFlight } from './in-flight.ts';
import type { TunnelLimits } from './limits.ts';
import { SendScheduler } from './send-scheduler.ts';
import type { StreamClass, TunnelStream } from './stream.ts';

/** Age of a round trip time beyond which a reader of much data measures it again. */
const rttFreshMs = 1_000;

/**
 * Everything that a session sends, in the order that matters: control frames, then streams by
 * class, in small pieces, and never more handed over than the carrier and the link can take soon.
 */
export class Sender {
  readonly inFlight: InFlight;
  readonly #carrier: Carrier;
  readonly #limits: TunnelLimits;
  readonly #clock: Clock;
  readonly #control: ControlQueue;
  readonly #scheduler = new SendScheduler();
  readonly #overrun: () => void;
  #onData: (bytes: number) => void = () => undefined;
  #grantGrowth: (bytes: number) => boolean = () => false;
  #nextPingId = 0;
  #rttAtMs = Number.NEGATIVE_INFINITY;
  #flushQueued = false;
  #flushing = false;
  #stopped = false;

  constructor(carrier: Carrier, limits: TunnelLimits, clock: Clock, overrun: () => void) {
    this.#carrier = carrier;
    this.#limits = limits;
    this.#clock = clock;
    this.#overrun = overrun;
    this.#control = new ControlQueue(limits.maxQueuedControlFrames);
    this.inFlight = new InFlight(limits, clock);
  }

  /** Who decides whether a receive window may grow; until it is set, none does. */
  set grantGrowth(grant: (bytes: number) => boolean) {
    this.#grantGrowth = grant;
  }

  /** Told of bytes of streams that were handed to the carrier. */
  set onData(onData: (bytes: number) => void) {
    this.#onData = onData;
  }

  schedule(stream: TunnelStream): void {
    if (!stream.hasFrame()) return;
    this.#scheduler.add(stream);
    this.#queueFlush();
  }

  forget(stream: TunnelStream): void {
    this.#scheduler.remove(stream);
    this.#control.forget(stream);
  }

  credit(stream: TunnelStream): void {
    this.#control.credit(stream);
    this.#queueFlush();
  }

  reset(streamId: number): void {
    this.#queued(this.#control.reset(streamId));
  }

  /** Sends a ping; gives its id. */
  ping(): number {
    const id = this.#takePingId();
    this.#queued(this.#control.ping(id));
    this.inFlight.pinged(id);
    return id;
  }

  pong(id: number): void {
    this.#queued(this.#control.pong(id));
  }

  /** The answer to one of this end's pings: its round trip in milliseconds. */
  pongReceived(id: number): number | undefined {
    const rttMs = this.inFlight.answered(id);
    if (rttMs === undefined) return undefined;
    this.#rttAtMs = this.#clock.now();
    this.flush();
    return rttMs;
  }

  goAway(code: number): void {
    this.#queued(this.#control.goAway(code));
  }

  /** Sends what control frames there are, with a go-away as the last if a code is given, and no more. */
  finish(code: number | undefined): void {
    if (this.#stopped) return;
    if (code !== undefined) this.#control.goAway(code);
    const parts: Buffer[] = [];
    const bytes = this.#control.takeAll(parts, () => 0);
    this.stop();
    if (bytes > 0) this.#carrier.send(parts, bytes);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Sends what may be sent now. */
  flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      while (this.#sendBatch());
    } finally {
      this.#flushing = false;
    }
  }

  #sendBatch(): boolean {
    if (this.#stopped || this.#carrier.bufferedBytes >= this.#limits.maxBufferedBytes) return false;
    const parts: Buffer[] = [];
    let bytes = this.#control.takeAll(parts, (stream) => this.#creditOf(stream));
    if (this.inFlight.probeDue) bytes += this.#probe(parts);
    const streams = new Set<TunnelStream>();
    let streamBytes = 0;
    const chunkBytes = this.inFlight.chunkBytes;
    const batchBytes = Math.min(this.#limits.maxBatchBytes, chunkBytes + headerBytes);
    while (bytes + headerBytes < batchBytes) {
      const stream = this.#scheduler.next(this.#mayStart);
      if (stream === undefined) break;
      const room = batchBytes - bytes - headerBytes;
      const frameBytes = stream.takeFrame(parts, Math.min(chunkBytes, room));
      bytes += frameBytes;
      streamBytes += frameBytes;
      this.inFlight.sent(frameBytes);
      streams.add(stream);
      if (stream.hasFrame()) this.#scheduler.add(stream);
    }
    if (streams.size === 0 && this.inFlight.probeDue) bytes += this.#probe(parts);
    if (bytes === 0) return false;
    this.#carrier.send(parts, bytes);
    if (streamBytes > 0) this.#onData(streamBytes);
    for (const stream of streams) stream.frameSent();
    return true;
  }

  readonly #mayStart = (streamClass: StreamClass): boolean => this.inFlight.allows(streamClass);

  #probe(parts: Buffer[]): number {
    const id = this.#takePingId();
    parts.push(encodeHeader(frameType.ping, frameFlag.syn, 0, id));
    this.inFlight.pinged(id);
    return headerBytes;
  }

  #creditOf(stream: TunnelStream): number {
    const nowMs = this.#clock.now();
    if (nowMs - this.#rttAtMs > rttFreshMs) {
      this.#rttAtMs = nowMs;
      this.ping();
    }
    return stream.window.takeCredit(nowMs, this.inFlight.rttMs, this.#grantGrowth);
  }

  #takePingId(): number {
    this.#nextPingId = (this.#nextPingId + 1) % 0x1_0000_0000;
    return this.#nextPingId;
  }

  #queued(accepted: boolean): void {
    if (accepted) this.#queueFlush();
    else if (!this.#stopped) this.#overrun();
  }

  #queueFlush(): void {
    if (this.#flushQueued || this.#stopped) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      this.flush();
    });
  }
}
