import { maxTimerMs, type Clock } from '../../tunnel/clock.ts';

/**
 * Waits for something as long as a grace lasts, or until the signal aborts. Resolves with the whole
 * seconds of the grace that are left, 0 when it is over.
 * @throws what `work` rejects with.
 */
export async function withinGrace(
  work: Promise<unknown>,
  { graceSeconds, clock, signal }: { graceSeconds: number; clock: Clock; signal: AbortSignal },
): Promise<number> {
  const beganAtMs = clock.now();
  const over = Promise.withResolvers<undefined>();
  const giveUp = (): void => {
    over.resolve(undefined);
  };
  const cancel = clock.after(Math.min(graceSeconds * 1000, maxTimerMs), giveUp);
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
    cancel();
  }
  const takenSeconds = Math.floor((clock.now() - beganAtMs) / 1000);
  return Math.max(graceSeconds - takenSeconds, 0);
}
