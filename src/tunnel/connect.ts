import { BackOff } from './back-off.ts';
import { systemClock, type Clock } from './clock.ts';
import { dialTunnel, type Dialled, type DialOptions } from './dial.ts';
import { dialError } from './dial-error.ts';
import { TunnelError, type TunnelErrorCode } from './errors.ts';
import {
  maxDrainMs,
  maxPromptMends,
  minReconnectDelayMs,
  maxReconnectDelayMs,
  maxRejectedDelayMs,
  stableAfterMs,
} from './limits.ts';
import type { Session } from './session.ts';

export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected'; readonly address: string }
  | { readonly kind: 'disconnected'; readonly error: TunnelError; readonly retryInMs: number };

/** `tls` and `headers` may be getters: they are read anew for each dial. */
export interface ConnectOptions extends DialOptions {
  readonly onSession: (session: Session, address: string) => void;
  readonly onState?: (state: LinkState) => void;
  /**
   * Called after a failure that may be mended at this end; the next dial waits for it as well as for
   * the delay. Gives whether it mended something: then the rest of the delay is skipped, at most
   * `maxPromptMends` times until a dial succeeds. It must never reject, and end soon when `signal` aborts.
   */
  readonly mend?: (error: TunnelError) => Promise<boolean>;
  /** A number in [0, 1), for the jitter. */
  readonly random?: () => number;
}

const rejections = new Set<TunnelErrorCode>([
  'ADDRESS_INVALID',
  'DISMISSED',
  'HTTP_REJECTED',
  'PROXY_REJECTED',
  'REPLACED',
  'TLS_FAILED',
  'TLS_UNTRUSTED',
]);

/**
 * Keeps a tunnel up until the signal aborts: dials, and dials again with back-off whenever a
 * session ends. When the peer announces that it goes away, a new session is dialled at once while
 * the old one's streams run on. Resolves after the abort, when the sessions are closed.
 */
export async function connectTunnel(options: ConnectOptions): Promise<void> {
  await new Link(options).run();
}

class Link {
  readonly #options: ConnectOptions;
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #sessions = new Set<Session>();
  #preferred: readonly string[];
  #promptMends = 0;

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#clock = options.session.clock ?? systemClock;
    this.#backOff = new BackOff({
      baseMs: minReconnectDelayMs,
      random: options.random ?? Math.random,
    });
    this.#preferred = options.addresses;
  }

  async run(): Promise<void> {
    while (!this.#isOver()) {
      const error = await this.#oneSession();
      if (error === undefined || this.#isOver()) continue;
      const maxMs = rejections.has(error.code) ? maxRejectedDelayMs : maxReconnectDelayMs;
      const retryInMs = Math.round(this.#backOff.next(maxMs));
      this.#options.onState?.({ kind: 'disconnected', error, retryInMs });
      await this.#pause(error, retryInMs);
    }
    await Promise.all([...this.#sessions].map((session) => session.closed));
  }

  #isOver(): boolean {
    return this.#options.signal.aborted;
  }

  /** Dials and waits for the end. Undefined when the next session should follow without a delay. */
  async #oneSession(): Promise<TunnelError | undefined> {
    const { signal, onState } = this.#options;
    onState?.({ kind: 'connecting' });
    const dialled = await this.#dial();
    if (dialled instanceof TunnelError) return dialled;
    const { session, address } = dialled;
    this.#promptMends = 0;
    this.#keep(session, signal);
    this.#prefer(address);
    onState?.({ kind: 'connected', address });
    const startedAtMs = this.#clock.now();
    const ended = await Promise.race([session.closed, session.remoteGoAway]);
    const stable = this.#clock.now() - startedAtMs >= stableAfterMs;
    if (stable) this.#backOff.reset();
    if (ended !== undefined) return ended;
    void session.drain(maxDrainMs);
    return stable ? undefined : new TunnelError('GOING_AWAY', `${address} goes away`);
  }

  async #dial(): Promise<Dialled | TunnelError> {
    try {
      return await dialTunnel({ ...this.#options, addresses: this.#preferred });
    } catch (error) {
      return dialError(error, 'the provider', this.#preferred.join(', '));
    }
  }

  #keep(session: Session, signal: AbortSignal): void {
    const close = (): void => {
      session.close();
    };
    this.#sessions.add(session);
    signal.addEventListener('abort', close);
    if (signal.aborted) close();
    void session.closed.then(() => {
      this.#sessions.delete(session);
      signal.removeEventListener('abort', close);
    });
  }

  /** What worked last is tried first. */
  #prefer(address: string): void {
    const others = this.#options.addresses.filter((other) => other !== address);
    this.#preferred = [address, ...others];
  }

  async #pause(error: TunnelError, delayMs: number): Promise<void> {
    const { mend, signal } = this.#options;
    const prompt = new AbortController();
    const mending = mend?.(error).then((mended) => {
      if (!mended || this.#promptMends >= maxPromptMends) return;
      this.#promptMends += 1;
      this.#backOff.reset();
      prompt.abort();
    });
    await Promise.all([mending, sleep(delayMs, AbortSignal.any([signal, prompt.signal]))]);
  }
}

/** Resolves after the delay, or when `signal` aborts. */
function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(done, delayMs);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
