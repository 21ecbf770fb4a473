import type { Logger } from 'pino';
import type { Cancel, Clock } from '../../tunnel/clock.ts';
import { strangerReportMs } from './limits.ts';

/** Of a listener: connections whose client hasn't shown yet who it is, and how many of them had to go. */
export interface StrangerFigures {
  readonly count: number;
  readonly dropped: number;
}

/**
 * Says in the log that strangers had to go: at the first, and of those that come after it every so often,
 * until there were no more.
 */
export class DropReport {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #listener: string;
  #total = 0;
  #untold = 0;
  /** Of the timer that tells the rest, while the last word is new. */
  #cancel: Cancel | undefined;

  /** `listener`: which one, for people. */
  constructor(options: {
    log: Pick<Logger, 'warn'>;
    clock: Pick<Clock, 'after'>;
    listener: string;
  }) {
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
    if (this.#cancel === undefined) this.#tell();
  }

  /** Tells the rest at once, and nothing later. */
  close(): void {
    if (this.#untold > 0) this.#tell();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #tell(): void {
    const { listener, dropped } = { listener: this.#listener, dropped: this.#untold };
    this.#log.warn(
      { listener, dropped },
      'so many connections of unknown clients were open that some were closed: somebody may be flooding this port',
    );
    this.#untold = 0;
    this.#cancel?.();
    this.#cancel = this.#clock.after(strangerReportMs, () => {
      this.#cancel = undefined;
      if (this.#untold > 0) this.#tell();
    });
  }
}
