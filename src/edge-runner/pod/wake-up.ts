import { maxTimerMs } from '../../tunnel/clock.ts';

/** Lets a loop sleep until something happens; a wake-up that comes while it works is not lost. */
export class WakeUp {
  #pending = false;
  #waiter: (() => void) | undefined;

  wake(): void {
    this.#pending = true;
    this.#waiter?.();
  }

  /**
   * Resolves when woken, after `delayMs` (undefined: never), or when the signal aborts; a wake-up that
   * comes together with the abort is left for who waits next.
   */
  async wait(delayMs: number | undefined, signal: AbortSignal): Promise<void> {
    const idle = !this.#pending && !signal.aborted;
    if (idle && (delayMs === undefined || delayMs > 0)) await this.#sleep(delayMs, signal);
    if (!signal.aborted) this.#pending = false;
  }

  #sleep(delayMs: number | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', settle);
        this.#waiter = undefined;
        resolve();
      };
      const timer =
        delayMs === undefined ? undefined : setTimeout(settle, Math.min(delayMs, maxTimerMs));
      this.#waiter = settle;
      signal.addEventListener('abort', settle, { once: true });
    });
  }
}
