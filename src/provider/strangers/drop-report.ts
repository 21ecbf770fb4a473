import type { Logger } from 'pino';
import type { Clock } from '../../tunnel/clock.ts';
import { strangerReportMs } from './limits.ts';

/** Of a listener: connections whose client hasn't shown yet who it is, and how many of them had to go. */
export interface StrangerFigures {
  readonly count: number;
  readonly dropped: number;
}

/** Says in the log that strangers had to go: at the first, and then once every so often while it goes on. */
export class DropReport {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #listener: string;
  #total = 0;
  #untold = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  /** `listener`: which one, for people. */
  constructor(options: { log: Pick<Logger, 'warn'>; clock: Pick<Clock, 'now'>; listener: string }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#listener = options.listener;
  }

  /** All that had to go. */
  get total(): number {
    return this.#total;
  }

  /** One had to go. */
  add(): void {
    this.#total += 1;
    this.#untold += 1;
    const nowMs = this.#clock.now();
    if (nowMs - this.#toldAtMs < strangerReportMs) return;
    const { listener, dropped } = { listener: this.#listener, dropped: this.#untold };
    this.#log.warn(
      { listener, dropped },
      'so many connections of unknown clients were open that some were closed: somebody may be flooding this port',
    );
    this.#toldAtMs = nowMs;
    this.#untold = 0;
  }
}
