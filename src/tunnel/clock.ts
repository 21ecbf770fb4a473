/** Monotonic time and timers, so that tests can drive them. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Calls `action` once after `delayMs`; the result cancels it. Doesn't keep the process alive. */
  after(delayMs: number, action: () => void): Cancel;
}

export type Cancel = () => void;

/** What a timer can wait at most, some 24 days; Node fires a longer one at once. */
export const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
