import type { Cancel, Clock } from './clock.ts';
import { slowestBytesPerSecond } from './limits.ts';

export interface LivenessOptions {
  readonly clock: Clock;
  readonly pingAfterMs: number;
  readonly askAfterMs: number;
  readonly deadAfterMs: number;
  /** Time for the answer to a ping that follows something sent, on a link that isn't slow. */
  readonly answerMs: number;
  ping(): void;
  dead(silentMs: number): void;
}

/** An idle device sleeps for at least as long; that a ping with nothing behind it comes later does no harm. */
const leastIdleMs = 1000;

/**
 * Pings when nothing was heard for `pingAfterMs`, or for `askAfterMs` since something was sent, and
 * says that the peer is dead after `deadAfterMs`, or when such a ping is not answered: what was sent
 * may be lost, and TCP sends it again after ever longer pauses, also when the link is whole since. A slow
 * link gets the time that it takes. A process that slept itself, and so finds a timer late, asks first.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAtMs: number;
  /** When the first of what was sent since something was heard was. */
  #sentAtMs = Infinity;
  #sentBytes = 0;
  #pingedAtMs: number | undefined;
  #dueAtMs = Infinity;
  #cancel: Cancel | undefined;
  #stopped = false;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.now();
    this.#arm();
  }

  heard(): void {
    this.#heardAtMs = this.#options.clock.now();
    this.#sentAtMs = Infinity;
    this.#sentBytes = 0;
    this.#pingedAtMs = undefined;
  }

  /** So many bytes were sent which are no answer to something heard. */
  sent(bytes: number): void {
    this.#sentBytes += bytes;
    if (this.#sentAtMs !== Infinity) return;
    this.#sentAtMs = this.#options.clock.now();
    // A timer that comes too soon does no harm, and seldom needs to be set again.
    if (this.#nextMs() < this.#dueAtMs) this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    this.#cancel?.();
    this.#dueAtMs = this.#nextMs();
    const idle = this.#pingedAtMs === undefined && this.#sentAtMs === Infinity;
    const delayMs = Math.max(idle ? leastIdleMs : 1, this.#dueAtMs - clock.now());
    this.#cancel = clock.after(delayMs, () => {
      this.#check();
    });
  }

  /** When the next step is due, if nothing is heard by then. */
  #nextMs(): number {
    const { pingAfterMs, askAfterMs, deadAfterMs, answerMs } = this.#options;
    const deadAtMs = this.#heardAtMs + deadAfterMs;
    if (this.#pingedAtMs === undefined) {
      return Math.min(this.#heardAtMs + pingAfterMs, this.#sentAtMs + askAfterMs, deadAtMs);
    }
    const wireMs = (this.#sentBytes / slowestBytesPerSecond) * 1000;
    return Math.min(this.#pingedAtMs + answerMs + wireMs, deadAtMs);
  }

  #check(): void {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#dueAtMs > this.#options.answerMs / 2) this.#wokeLate(nowMs);
    if (nowMs >= this.#nextMs()) {
      if (this.#pingedAtMs !== undefined) {
        this.#options.dead(nowMs - this.#heardAtMs);
        return;
      }
      this.#pingedAtMs = nowMs;
      this.#options.ping();
    }
    this.#arm();
  }

  #wokeLate(nowMs: number): void {
    const { pingAfterMs, askAfterMs } = this.#options;
    this.#heardAtMs = Math.max(this.#heardAtMs, nowMs - pingAfterMs);
    if (this.#sentAtMs !== Infinity) this.#sentAtMs = Math.max(this.#sentAtMs, nowMs - askAfterMs);
    this.#pingedAtMs = undefined;
  }
}
