import { setTimeout as delay } from 'node:timers/promises';

/** Full jitter: a random share of an interval that doubles with every failure up to a cap. */
export function fullJitterMs(
  failures: number,
  bounds: { baseMs: number; capMs: number },
  random: () => number = Math.random,
): number {
  return random() * Math.min(bounds.capMs, bounds.baseMs * 2 ** Math.max(0, failures - 1));
}

/** Resolves after the time, or at once when the signal aborts. Never rejects. */
export async function pause(timeMs: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(timeMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}
