import { type Clock, systemClock } from '../../tunnel/clock.ts';
import { maxHeldPings, maxPingHoldMs, quietMs } from './limits.ts';

/** Pings of a client, in order, that wait until nothing more is to be read from the runtime. */
export class HeldPings {
  readonly #send: (ping: Buffer) => void;
  readonly #clock: Pick<Clock, 'now'>;
  #held: Buffer[] = [];
  #heldSinceMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When something was read last; undefined while reading is stopped. */
  #readAtMs: number | undefined = -Infinity;

  constructor(send: (ping: Buffer) => void, clock: Pick<Clock, 'now'> = systemClock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Something was read, or reading goes on. */
  reading(): void {
    this.#readAtMs = this.#clock.now();
  }

  /** Nothing is read until `reading`. */
  readingStopped(): void {
    this.#readAtMs = undefined;
  }

  /**
   * Takes a ping, also where all is quiet: on a busy machine that may only be so because the kernel was
   * not asked for a while. Returns false when too many wait already.
   */
  hold(ping: Buffer): boolean {
    if (this.#held.length >= maxHeldPings) return false;
    if (this.#held.length === 0) this.#heldSinceMs = this.#clock.now();
    this.#held.push(ping);
    if (this.#isQuiet) this.#askAgain();
    else this.#wait();
    return true;
  }

  /** Sends those that wait. */
  release(): void {
    for (const ping of this.drop()) this.#send(ping);
  }

  /** Forgets those that wait. */
  drop(): Buffer[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = this.#held;
    this.#held = [];
    return held;
  }

  #wait(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#askAgain();
    }, quietMs);
  }

  /** What the kernel has meanwhile is read between the two turns of the event loop. */
  #askAgain(): void {
    setImmediate(() => {
      setImmediate(() => {
        this.#releaseIfQuiet();
      });
    });
  }

  #releaseIfQuiet(): void {
    if (this.#held.length === 0) return;
    const isLate = this.#clock.now() - this.#heldSinceMs > maxPingHoldMs;
    if (this.#isQuiet || isLate) this.release();
    else this.#wait();
  }

  get #isQuiet(): boolean {
    return this.#readAtMs !== undefined && this.#clock.now() - this.#readAtMs >= quietMs;
  }
}

/** Whether these bytes are one whole PING frame of SPDY/3.1 (section 2.6.5) or of WebSocket (RFC 6455, 5.5.2). */
export function isPing(bytes: Buffer): boolean {
  if (bytes.length === spdyPing.length + 4)
    return spdyPing.equals(bytes.subarray(0, spdyPing.length));
  const [first, second = 0] = bytes;
  const payloadBytes = second - maskBit;
  const isWhole = payloadBytes >= 0 && bytes.length === headBytes + payloadBytes;
  return first === webSocketPing && payloadBytes <= maxControlPayloadBytes && isWhole;
}

/** A control frame, version 3, type 6, without flags, of four bytes: the ping's number. */
const spdyPing = Buffer.from('8003000600000004', 'hex');

/** The last fragment of a message of opcode 9. */
const webSocketPing = 0x89;
/** Clients mask what they send. */
const maskBit = 0x80;
/** Two bytes and the mask. */
const headBytes = 6;
const maxControlPayloadBytes = 125;
