import type { Logger } from 'pino';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import { type Failures, oneMore, retryDelayMs } from './retry-delay.ts';

export interface ReconcileQueueOptions {
  /** What is reconciled, for the log. */
  name: string;
  /** Brings one key to where it should be; a rejection means: try again later. */
  reconcile: (key: string, signal: AbortSignal) => Promise<void>;
  concurrency: number;
  log: Logger;
  random?: () => number;
}

/**
 * Level-based work: a key that is added is reconciled soon, a key added again meanwhile once more,
 * never twice at the same time. Failures are repeated with back-off. Nothing happens before `run`.
 */
export class ReconcileQueue {
  readonly #options: ReconcileQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #work = new Set<Promise<void>>();
  readonly #failures = new Map<string, Failures>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #settled = new Map<string, (() => void)[]>();
  #signal: AbortSignal | undefined;

  constructor(options: ReconcileQueueOptions) {
    this.#options = options;
  }

  /** Asks for a reconciliation that starts after this call. */
  add(key: string): void {
    this.#cancelTimer(key);
    this.#waiting.add(key);
    this.#pump();
  }

  /** As `add`, after a delay; an earlier request stays. */
  addAfter(key: string, delayMs: number): void {
    if (this.#waiting.has(key) || this.#timers.has(key) || this.#signal?.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, delayMs);
    this.#timers.set(key, timer);
  }

  /** As `add`; resolves when a reconciliation that started after this call has succeeded. */
  settle(key: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const waiters = this.#settled.get(key) ?? [];
    waiters.push(() => {
      resolve(undefined);
    });
    this.#settled.set(key, waiters);
    this.add(key);
    return promise;
  }

  /** Works until the signal aborts and what was running has ended. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#pump();
    await aborted(signal);
    for (const key of [...this.#timers.keys()]) this.#cancelTimer(key);
    await Promise.all(this.#work);
  }

  #pump(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#start(key, signal);
    }
  }

  /** The key counts as running before its work begins, for that may add the key again at once. */
  #start(key: string, signal: AbortSignal): void {
    this.#running.add(key);
    const work = this.#reconcile(key, signal).finally(() => {
      this.#work.delete(work);
      this.#running.delete(key);
      this.#pump();
    });
    this.#work.add(work);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const waiters = this.#settled.get(key) ?? [];
    this.#settled.delete(key);
    try {
      await this.#options.reconcile(key, signal);
      this.#failures.delete(key);
      for (const resolve of waiters) resolve();
    } catch (error) {
      this.#settled.set(key, [...waiters, ...(this.#settled.get(key) ?? [])]);
      if (!signal.aborted) this.#retry(key, error);
    }
  }

  #retry(key: string, error: unknown): void {
    const failures = oneMore(this.#failures.get(key), isKubeApiError(error, 'UNREACHABLE'));
    this.#failures.set(key, failures);
    const random = (this.#options.random ?? Math.random)();
    const delayMs = retryDelayMs(failures, askedDelayMs(error), random);
    this.#options.log.warn(
      { queue: this.#options.name, key, failures: failures.count, delayMs, err: error },
      'reconciliation failed, trying again',
    );
    this.addAfter(key, delayMs);
  }

  #cancelTimer(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }
}

function askedDelayMs(error: unknown): number {
  const asked = (error as { retryAfterMs?: unknown } | undefined)?.retryAfterMs;
  return typeof asked === 'number' ? asked : 0;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
