import type { WakeUp } from './wake-up.ts';

interface Rounds {
  /** Returns how many milliseconds to sleep after it; undefined: until woken. */
  round: () => Promise<number | undefined>;
  isOver: () => boolean;
  /** `failures` in a row. */
  onFailure: (error: unknown, failures: number) => void;
}

/** After a round that failed: doubling from the first to the last. */
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;

/** Does one round after another, sleeping in between, until they are over or the signal aborts. */
export async function repeatRounds(
  wakeUp: WakeUp,
  signal: AbortSignal,
  { round, isOver, onFailure }: Rounds,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let delayMs: number | undefined;
    try {
      delayMs = await round();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      delayMs = Math.min(firstRetryMs * 2 ** failures, maxRetryMs);
      failures += 1;
      onFailure(error, failures);
    }
    if (isOver()) return;
    await wakeUp.wait(delayMs, signal);
  }
}
