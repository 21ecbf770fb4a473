export interface BackOffOptions {
  readonly baseMs: number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Exponential back-off with full jitter: each delay is anywhere between nothing and a ceiling that
 * doubles with every failure up to the maximum of that kind of failure.
 */
export class BackOff {
  readonly #options: BackOffOptions;
  #failures = 0;

  constructor(options: BackOffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait after one more failure. */
  next(maxMs: number): number {
    const ceilingMs = Math.min(maxMs, this.#options.baseMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    return this.#options.random() * ceilingMs;
  }

  reset(): void {
    this.#failures = 0;
  }
}
