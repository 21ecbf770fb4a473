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

  /** Takes a turn. @returns how long it is until then, in ms */
  take(): number {
    const nowMs = this.#nowMs();
    this.#workedOffAtMs = Math.max(this.#workedOffAtMs, nowMs) + this.#spanMs;
    return Math.max(0, this.#workedOffAtMs - this.#burstMs - nowMs);
  }
}
