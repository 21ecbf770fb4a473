import { maxRetryDelayMs, minRetryDelayMs } from '../limits.ts';

/**
 * Delay before attempt number `failures + 1`, in ms: exponential with full jitter, never under what
 * the server asked for.
 * @param random in [0, 1)
 */
export function retryDelayMs(failures: number, askedMs: number, random: number): number {
  const ceiling = Math.min(maxRetryDelayMs, minRetryDelayMs * 2 ** Math.min(failures, 16));
  return Math.max(askedMs, Math.round(minRetryDelayMs / 2 + ceiling * random));
}
