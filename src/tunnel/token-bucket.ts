import type { Clock } from './clock.ts';

/** Allows a burst, then a steady rate. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #perSecond: number;
  readonly #clock: Pick<Clock, 'now'>;
  #tokens: number;
  #filledAtMs: number;

  constructor(capacity: number, perSecond: number, clock: Pick<Clock, 'now'>) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = capacity;
    this.#filledAtMs = clock.now();
  }

  /** Takes one token; false when there is none. */
  take(): boolean {
    if (this.#tokens < 1) this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #refill(): void {
    const nowMs = this.#clock.now();
    const gained = ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#capacity, this.#tokens + gained);
    this.#filledAtMs = nowMs;
  }
}
