/** That what an ended pod has left in the runtime is to go, because the device needs the room. */
export class Discard {
  readonly #waiting = new Set<() => void>();

  get isWanted(): boolean {
    return this.#waiting.size > 0;
  }

  /** Resolves when nothing is left, or the signal aborts. */
  want(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end);
        this.#waiting.delete(end);
        resolve();
      };
      this.#waiting.add(end);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
  }

  tellDone(): void {
    for (const end of this.#waiting) end();
  }
}
