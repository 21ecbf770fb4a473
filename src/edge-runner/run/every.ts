import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

/**
 * Does something again and again, with a pause of `intervalMs` before each, until the signal aborts.
 * What fails is logged and done again after the next pause. Never rejects.
 */
export async function every(
  intervalMs: number,
  what: string,
  task: (signal: AbortSignal) => Promise<unknown>,
  { signal, log }: { signal: AbortSignal; log: Pick<Logger, 'warn'> },
): Promise<void> {
  for (;;) {
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await task(signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, `${what} failed; trying again`);
    }
  }
}
