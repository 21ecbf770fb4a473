/** Upper bounds in seconds, as Prometheus' client library has them where nobody names others. */
export const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** How long something took, as a histogram of fixed size. */
export class ProbeDurations {
  /** How many took at most as long as each of the bounds. */
  readonly atMost = new Uint32Array(durationBounds.length);
  #count = 0;
  #sumSeconds = 0;

  get count(): number {
    return this.#count;
  }

  get sumSeconds(): number {
    return this.#sumSeconds;
  }

  add(seconds: number): void {
    this.#count += 1;
    this.#sumSeconds += seconds;
    for (const [index, bound] of durationBounds.entries()) {
      if (seconds <= bound) this.atMost[index] = (this.atMost[index] ?? 0) + 1;
    }
  }
}
