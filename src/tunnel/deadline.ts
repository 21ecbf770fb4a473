import { TunnelError } from './errors.ts';

/** A signal that aborts with the parent's, or with TunnelError TIMEOUT after some time. Dispose of it. */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor(parent: AbortSignal, timeoutMs: number, what: string) {
    this.#parent = parent;
    this.#timer = setTimeout(() => {
      this.#controller.abort(new TunnelError('TIMEOUT', what));
    }, timeoutMs);
    parent.addEventListener('abort', this.#onAbort);
    if (parent.aborted) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    this.#controller.abort(this.#parent.reason);
  };
}
