/** Lets so many tasks run at a time, in the order they came. */
export class Slots {
  #free: number;
  readonly #queue = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** @throws the signal's reason when it aborts before the task's turn, and what the task throws. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#free === 0) await this.#turn(signal);
    else this.#free -= 1;
    try {
      return await task();
    } finally {
      this.#pass();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#queue.delete(begin);
        reject(signal.reason as Error);
      };
      this.#queue.add(begin);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #pass(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#free += 1;
    } else {
      this.#queue.delete(next);
      next();
    }
  }
}
