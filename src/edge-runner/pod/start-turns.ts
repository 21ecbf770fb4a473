interface Turn {
  rank: number;
  begin: () => void;
}

export interface StartTurnsOptions {
  /** How many sandboxes are made at a time. */
  count: number;
  /** After this a start that goes on counts no more: a stuck one must hold nobody back. In ms. */
  turnMs: number;
  /** How long pods that come together wait for each other at most, in ms. */
  gatherMs: number;
}

/**
 * Brings pods up in the order of their rank, a few at a time: so after a reboot, when all want to begin
 * at once, what matters most is up first.
 */
export class StartTurns {
  readonly #options: StartTurnsOptions;
  readonly #waiting: Turn[] = [];
  #free: number;
  /** How many that come together have not asked for their turn yet. */
  #missing = 0;
  #gathering: NodeJS.Timeout | undefined;

  constructor(options: StartTurnsOptions) {
    this.#options = options;
    this.#free = options.count;
  }

  /** So many pods come together: none begins before the others have asked too, or have taken too long. */
  gather(count: number): void {
    if (count < 2) return;
    this.#missing += count;
    this.#gathering ??= setTimeout(() => {
      this.#allHere();
    }, this.#options.gatherMs).unref();
  }

  /**
   * Does `start` when its turn comes, the highest rank first; never when the signal aborts before.
   * @throws what `start` throws
   */
  async run(rank: number, signal: AbortSignal, start: () => Promise<void>): Promise<void> {
    if (!(await this.#turn(rank, signal))) return;
    let isOver = false;
    const pass = (): void => {
      clearTimeout(timer);
      if (isOver) return;
      isOver = true;
      this.#free += 1;
      this.#next();
    };
    const timer = setTimeout(pass, this.#options.turnMs);
    try {
      if (!signal.aborted) await start();
    } finally {
      pass();
    }
  }

  /** True when it has come, false when the signal aborted before. */
  #turn(rank: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const giveUp = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(turn), 1);
      resolve(false);
    };
    const turn: Turn = {
      rank,
      begin: () => {
        signal.removeEventListener('abort', giveUp);
        resolve(true);
      },
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#queue(turn);
    return promise;
  }

  #queue(turn: Turn): void {
    const behind = this.#waiting.findIndex(({ rank }) => rank < turn.rank);
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, turn);
    this.#missing -= 1;
    if (this.#missing <= 0) this.#allHere();
  }

  #allHere(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#missing = 0;
    this.#next();
  }

  #next(): void {
    if (this.#gathering !== undefined) return;
    while (this.#free > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#free -= 1;
      next.begin();
    }
  }
}
