import { setTimeout as sleep } from 'node:timers/promises';
import { LabError, messageOf } from './lab-error.ts';

/** What is waited for, and how long. `what` completes the sentence "… did not happen". */
export interface WaitOptions {
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
  /** Text for the error when the time is over, say the end of a log. */
  readonly explain?: () => string;
}

/** Something that may not be so yet. */
export type Condition<T> = () => T | false | undefined | Promise<T | false | undefined>;

/**
 * Asks `condition` again and again until it gives something other than undefined or false, and gives
 * that. An error of the condition counts as "not yet"; the last one is the cause of the final error.
 *
 * @throws LabError `not-ready` when the time is over; `aborted` at once when the signal fires, also
 *   while the condition is being asked; what the condition throws when that is a LabError
 *   `command-failed`, for it says that waiting is vain.
 */
export async function waitFor<T>(condition: Condition<T>, options: WaitOptions): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = (): void => {
    aborted.reject(new LabError('aborted', `stopped waiting: ${options.what}`));
  };
  if (options.signal?.aborted === true) {
    onAbort();
  }
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await poll(condition, options, aborted.promise);
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

async function poll<T>(
  condition: Condition<T>,
  options: WaitOptions,
  aborted: Promise<never>,
): Promise<T> {
  const deadlineMs = performance.now() + options.timeoutMs;
  for (;;) {
    const asked = await Promise.race([ask(condition), aborted]);
    if (asked.result !== undefined && asked.result !== false) {
      return asked.result;
    }
    if (performance.now() > deadlineMs) {
      throw tooLate(options, asked.error);
    }
    await Promise.race([sleep(options.intervalMs ?? 50), aborted]);
  }
}

async function ask<T>(
  condition: Condition<T>,
): Promise<{ readonly result?: T | false | undefined; readonly error?: unknown }> {
  try {
    return { result: await condition() };
  } catch (error) {
    if (error instanceof LabError && error.code === 'command-failed') {
      throw error;
    }
    return { error };
  }
}

function tooLate(options: WaitOptions, cause: unknown): LabError {
  const because = cause === undefined ? '' : ` (${messageOf(cause)})`;
  const explanation = options.explain === undefined ? '' : `\n${options.explain()}`;
  return new LabError(
    'not-ready',
    `${options.what}: not after ${options.timeoutMs} ms${because}${explanation}`,
    { cause },
  );
}
