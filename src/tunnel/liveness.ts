import type { Cancel, Clock } from './clock.ts';

export interface LivenessOptions {
  readonly clock: Clock;
  readonly pingAfterMs: number;
  readonly deadAfterMs: number;
  ping(): void;
  dead(silentMs: number): void;
}

/**
 * Pings when nothing was heard for `pingAfterMs` and says that the peer is dead after
 * `deadAfterMs`. A process that slept itself, and so finds a timer late, asks first.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAtMs: number;
  #pinged = false;
  #cancel: Cancel | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.now();
    this.#arm();
  }

  heard(): void {
    this.#heardAtMs = this.#options.clock.now();
    this.#pinged = false;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    const { clock, pingAfterMs, deadAfterMs } = this.#options;
    const dueAtMs = this.#heardAtMs + (this.#pinged ? deadAfterMs : pingAfterMs);
    const delayMs = Math.max(1, dueAtMs - clock.now());
    this.#cancel = clock.after(delayMs, () => {
      this.#check(dueAtMs);
    });
  }

  #check(dueAtMs: number): void {
    const { clock, pingAfterMs, deadAfterMs } = this.#options;
    const nowMs = clock.now();
    const answerMs = deadAfterMs - pingAfterMs;
    if (nowMs - dueAtMs > answerMs / 2) this.#wokeLate(nowMs - pingAfterMs);
    const silentMs = nowMs - this.#heardAtMs;
    if (this.#pinged && silentMs >= deadAfterMs) {
      this.#options.dead(silentMs);
      return;
    }
    if (!this.#pinged && silentMs >= pingAfterMs) {
      this.#pinged = true;
      this.#options.ping();
    }
    this.#arm();
  }

  #wokeLate(heardAtMs: number): void {
    if (heardAtMs <= this.#heardAtMs) return;
    this.#heardAtMs = heardAtMs;
    this.#pinged = false;
  }
}
