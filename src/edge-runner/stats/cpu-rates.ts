/** Samples closer together say too little, and older ones too much of the past. */
const minSpanMs = 1_000;
const maxSpanMs = 300_000;

interface Sample {
  readonly atMs: number;
  readonly nanoseconds: number;
}

/** Makes rates of counters: what was used since somebody asked before. */
export class CpuRates {
  #before = new Map<string, Sample>();
  #now = new Map<string, Sample>();

  /** Begins a round of `usageNanoCores`; what is not asked for in it is forgotten. */
  begin(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }

  /** Nanoseconds of CPU a second; undefined without an earlier sample to compare with. */
  usageNanoCores(key: string, sample: Sample): number | undefined {
    const before = this.#before.get(key);
    const spanMs = sample.atMs - (before?.atMs ?? 0);
    // Asked again at once: the older sample stays, or it would never be old enough.
    const keep = before !== undefined && spanMs < minSpanMs;
    this.#now.set(key, keep ? before : sample);
    if (before === undefined || spanMs < minSpanMs || spanMs > maxSpanMs) return undefined;
    return Math.max(0, Math.round(((sample.nanoseconds - before.nanoseconds) * 1000) / spanMs));
  }
}
