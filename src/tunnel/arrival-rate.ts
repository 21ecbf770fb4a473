/** A sample spans at least so long, for answers that were held up arrive all at once. */
const sampleMs = 100;
/** The highest rate is remembered for one to two periods. */
const periodMs = 1_000;
/** Sending pauses when nothing was under way for so long. */
const pauseMs = 5;

/** The highest rate at which what this end sent has lately arrived at the peer. */
export class ArrivalRate {
  #startedAtMs = 0;
  #addedAtMs = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #periodStartedAtMs = Number.NEGATIVE_INFINITY;
  #current: number | undefined;
  #previous: number | undefined;

  /** Undefined until enough was seen. */
  get bytesPerMs(): number | undefined {
    if (this.#current === undefined) return this.#previous;
    return Math.max(this.#current, this.#previous ?? 0);
  }

  /** Sending begins with nothing under way; after a pause, that must not count. */
  begin(nowMs: number): void {
    if (nowMs - this.#addedAtMs > pauseMs) this.#restart(nowMs);
  }

  add(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    this.#addedAtMs = nowMs;
    const elapsedMs = nowMs - this.#startedAtMs;
    if (elapsedMs < sampleMs) return;
    this.#sample(this.#bytes / elapsedMs, nowMs);
    this.#restart(nowMs);
  }

  #restart(nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#bytes = 0;
  }

  #sample(bytesPerMs: number, nowMs: number): void {
    if (nowMs - this.#periodStartedAtMs > periodMs) {
      this.#previous = this.#current;
      this.#current = undefined;
      this.#periodStartedAtMs = nowMs;
    }
    this.#current = Math.max(this.#current ?? 0, bytesPerMs);
  }
}
