import { setTimeout as delay } from 'node:timers/promises';

/** How many writes at once, and how many a second after that. */
export interface Rate {
  burst: number;
  perSecond: number;
}

/** Spreads writes out, first come, first served, whichever sites they are for. */
export class WriteRate {
  readonly #spanMs: number;
  readonly #burstMs: number;
  readonly #nowMs: () => number;
  /** When the writes that were let through are worked off at the steady rate. */
  #workedOffAtMs = -Infinity;

  constructor({ burst, perSecond }: Rate, nowMs: () => number = () => performance.now()) {
    this.#spanMs = 1000 / perSecond;
    this.#burstMs = burst * this.#spanMs;
    this.#nowMs = nowMs;
  }

  /** Resolves when it is this write's turn; rejects when the signal aborts. */
  async turn(signal?: AbortSignal): Promise<void> {
    const waitMs = this.take();
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
  }

  /**
   * Resolves to true when it is this write's turn; to false, at once and without a turn, when that would
   * be later than in `maxMs`.
   */
  async turnWithin(maxMs: number): Promise<boolean> {
    if (this.#waitMs(this.#nowMs()) > maxMs) return false;
    await this.turn();
    return true;
  }

  /** Takes a turn. @returns how long it is until then, in ms */
  take(): number {
    const nowMs = this.#nowMs();
    const waitMs = this.#waitMs(nowMs);
    this.#workedOffAtMs = this.#nextAtMs(nowMs);
    return waitMs;
  }

  #waitMs(nowMs: number): number {
    return Math.max(0, this.#nextAtMs(nowMs) - this.#burstMs - nowMs);
  }

  #nextAtMs(nowMs: number): number {
    return Math.max(this.#workedOffAtMs, nowMs) + this.#spanMs;
  }
}
