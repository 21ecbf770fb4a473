import { maxEndingPods } from '../../protocol/limits.ts';

interface ToldEndingOptions {
  /** Which pods end now; `undefined` while nobody knows. Of too many nothing is told. */
  ending: () => readonly string[] | undefined;
  /** Sends a message that says nothing else. */
  tell: (pods: string[]) => void;
}

/** What one exchange has told of the pods that still end on the device. */
export class ToldEnding {
  readonly #options: ToldEndingOptions;
  #last = '';

  constructor(options: ToldEndingOptions) {
    this.#options = options;
  }

  /** For a message that goes in any case. */
  next(): { ending?: string[] } {
    const ending = this.#options.ending()?.toSorted();
    this.#last = JSON.stringify(ending);
    return ending === undefined || ending.length > maxEndingPods ? {} : { ending };
  }

  /** Tells what has changed since, where something has. */
  tellChange(): void {
    const before = this.#last;
    const { ending } = this.next();
    if (ending !== undefined && this.#last !== before) this.#options.tell(ending);
  }
}
