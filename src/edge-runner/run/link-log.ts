import type { Logger } from 'pino';
import type { LinkState } from '../../tunnel/connect.ts';
import { sameFailureIntervalMs } from './limits.ts';

/**
 * Tells of the link in the log. A device may be cut off for months and tries again every few seconds: the
 * same failure is told again only now and then, so that it drives nothing else out of the log, nor wears out
 * a disk that keeps it. On level `debug` each is told.
 */
export class LinkLog {
  readonly #log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  readonly #nowMs: () => number;
  /** When each was told as a warning. */
  readonly #toldMs = new Map<string, number>();

  constructor(log: Pick<Logger, 'debug' | 'info' | 'warn'>, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  tell(state: LinkState): void {
    switch (state.kind) {
      case 'connecting':
        this.#log.debug('connecting to the provider');
        break;
      case 'connected':
        this.#toldMs.clear();
        this.#log.info({ address: state.address }, 'connected to the provider');
        break;
      case 'disconnected':
        this.#tellFailure(state.error, state.retryInMs);
        break;
    }
  }

  #tellFailure({ code, message }: { code: string; message: string }, retryMs: number): void {
    const nowMs = this.#nowMs();
    for (const [told, atMs] of this.#toldMs) {
      if (nowMs - atMs >= sameFailureIntervalMs) this.#toldMs.delete(told);
    }
    const isNew = !this.#toldMs.has(message);
    if (isNew) this.#toldMs.set(message, nowMs);
    this.#log[isNew ? 'warn' : 'debug'](
      { code, retryInMs: Math.round(retryMs) },
      `not connected to the provider: ${message}`,
    );
  }
}
