import { watch, type FSWatcher } from 'node:fs';

/**
 * Tells one waiter that something in a folder has changed. A change between two waits is not
 * lost. Where the kernel cannot watch the folder, only the slow check is left.
 */
export class FileChanges {
  readonly #watcher: FSWatcher | undefined;
  readonly #recheckMs: number;
  #changed = false;
  #wake: (() => void) | undefined;

  /** `recheckMs`: after so long a wait ends without a change, in case the kernel dropped one. */
  constructor(folder: string, recheckMs: number) {
    this.#recheckMs = recheckMs;
    this.#watcher = this.#watch(folder);
  }

  /** Waits for a change, the slow check, or one of the signals; never rejects. */
  async next(...signals: (AbortSignal | undefined)[]): Promise<void> {
    if (this.#changed || signals.some((signal) => signal?.aborted)) {
      this.#changed = false;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const wake = (): void => {
      resolve(undefined);
    };
    const timer = setTimeout(wake, this.#recheckMs);
    for (const signal of signals) signal?.addEventListener('abort', wake);
    this.#wake = wake;
    await promise;
    this.#wake = undefined;
    this.#changed = false;
    clearTimeout(timer);
    for (const signal of signals) signal?.removeEventListener('abort', wake);
  }

  close(): void {
    this.#watcher?.close();
  }

  #watch(folder: string): FSWatcher | undefined {
    const notice = (): void => {
      this.#changed = true;
      this.#wake?.();
    };
    try {
      const watcher = watch(folder, { persistent: true }, notice);
      watcher.on('error', notice);
      return watcher;
    } catch {
      return undefined;
    }
  }
}
