import { maxRetryDelayMs, maxUnreachableDelayMs, minRetryDelayMs } from '../limits.ts';

/** What went wrong with one key, again and again. */
export interface Failures {
  /** In a row, of one kind. */
  count: number;
  /** Nobody answers; otherwise somebody does, and says no. */
  unreachable: boolean;
}

/** A server that answers again is not one that has refused as often as nobody was there. */
export function oneMore(before: Failures | undefined, unreachable: boolean): Failures {
  const count = before?.unreachable === unreachable ? before.count + 1 : 1;
  return { count, unreachable };
}

/**
 * Delay before the next attempt, in ms: exponential with full jitter, never under what the server asked
 * for. Its ceiling is lower while nobody answers, so that a server that is back is found soon.
 * @param random in [0, 1)
 */
export function retryDelayMs(failures: Failures, askedMs: number, random: number): number {
  const maxMs = failures.unreachable ? maxUnreachableDelayMs : maxRetryDelayMs;
  const ceiling = Math.min(maxMs, minRetryDelayMs * 2 ** Math.min(failures.count - 1, 16));
  return Math.max(askedMs, Math.round(minRetryDelayMs / 2 + ceiling * random));
}
