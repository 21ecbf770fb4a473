import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

interface Until {
  signal: AbortSignal;
  log: Pick<Logger, 'warn'>;
  /** The first time comes without a pause. */
  atOnce?: boolean;
}

/**
 * Does something again and again, with a pause of `intervalMs` before each, until the signal aborts.
 * What fails is logged and done again after the next pause. Never rejects.
 */
export async function every(
  intervalMs: number,
  what: string,
  task: (signal: AbortSignal) => Promise<unknown>,
  { signal, log, atOnce = false }: Until,
): Promise<void> {
  for (let isDue = atOnce; ; isDue = false) {
    if (!isDue) await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await task(signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, `${what} failed; trying again`);
    }
  }
}
