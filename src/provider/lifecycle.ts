import type { Logger } from 'pino';

/** Something that runs until its signal aborts; it never rejects for a reason that may pass. */
export interface Runnable {
  run(signal: AbortSignal): Promise<void>;
}

/** What started last stops first. */
export class Lifecycle {
  readonly #log: Logger;
  readonly #stops: { name: string; stop: () => Promise<void> }[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Registers how to stop what was started just now. */
  onStop(name: string, stop: () => Promise<void>): void {
    this.#stops.push({ name, stop });
  }

  /** Starts something; it is stopped in its turn. `onFailure` hears of a run that broke. */
  start(name: string, part: Runnable, onFailure: (error: unknown) => void): void {
    const stop = new AbortController();
    const running = part.run(stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) onFailure(error);
    });
    this.onStop(name, () => {
      stop.abort();
      return running;
    });
  }

  /** Stops everything, in reverse; a part that fails to stop is logged and doesn't hold up the rest. */
  async stop(): Promise<void> {
    for (const { name, stop } of this.#stops.reverse()) {
      const startedAt = performance.now();
      try {
        await stop();
        const tookMs = Math.round(performance.now() - startedAt);
        this.#log.debug({ part: name, tookMs }, 'stopped');
      } catch (error) {
        this.#log.warn({ part: name, err: error }, 'part did not stop in order');
      }
    }
    this.#stops.length = 0;
  }
}
