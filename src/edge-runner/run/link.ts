import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { tunnelPath } from '../../protocol/join.ts';
import { connectTunnel, type LinkState } from '../../tunnel/connect.ts';
import { trustHeader } from '../../protocol/trust-bundle.ts';
import type { Session } from '../../tunnel/session.ts';
import type { ReportClient } from '../report/report-client.ts';
import type { StreamServer } from '../streams/stream-server.ts';
import type { SyncClient } from '../sync/sync-client.ts';
import { KeyRenewal } from './key-renewal.ts';
import type { LinkCredentials } from './link-credentials.ts';
import { LinkLog } from './link-log.ts';

interface LinkOptions {
  credentials: LinkCredentials;
  environment: Record<string, string | undefined>;
  sync: Pick<SyncClient, 'run'>;
  report: Pick<ReportClient, 'run'>;
  streams: Pick<StreamServer, 'accept'>;
  onState: (state: LinkState) => void;
  log: Logger;
  /** As `ConnectOptions.random`. */
  random?: () => number;
}

/** How long after an exchange ended a new one is begun on the same connection: doubling up to the last. */
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;

/** Keeps the device connected, and its sync and report streams open, until the signal aborts. */
export class Link {
  readonly #options: LinkOptions;
  readonly #renewal: KeyRenewal;
  readonly #log: LinkLog;
  #current: AbortController | undefined;
  #currentSync: AbortController | undefined;
  readonly #exchanges = new Set<Promise<void>>();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#renewal = new KeyRenewal(options);
    this.#log = new LinkLog(options.log, () => performance.now());
  }

  async run(signal: AbortSignal): Promise<void> {
    const { credentials, environment, streams, random } = this.#options;
    await connectTunnel({
      addresses: credentials.identity.addresses.map((address) => new URL(tunnelPath, address).href),
      // Asked for each dial: certificates change while the runner runs.
      get tls() {
        return credentials.tls();
      },
      get headers() {
        const digest = credentials.trustDigest();
        return digest === undefined ? {} : { [trustHeader]: digest };
      },
      proxyEnvironment: environment,
      signal,
      ...(random === undefined ? {} : { random }),
      session: {
        onStream: (stream) => {
          streams.accept(stream);
        },
      },
      onSession: (session) => {
        this.#use(session);
      },
      onState: (state) => {
        this.#tell(state);
      },
      mend: (error) => this.#renewal.dialFailed(error, signal),
    });
    this.#current?.abort();
    await Promise.all(this.#exchanges);
  }

  /** Takes no more of what is desired on the connection that there is. */
  endSync(): void {
    this.#currentSync?.abort();
  }

  /** The newest connection carries the exchanges; one that drains only finishes its streams. */
  #use(session: Session): void {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    const { signal } = current;
    void session.closed.then(() => {
      current.abort();
    });
    const { sync, report } = this.#options;
    const syncEnd = new AbortController();
    this.#currentSync = syncEnd;
    const synced = AbortSignal.any([signal, syncEnd.signal]);
    this.#keep(this.#repeat('sync', () => sync.run(session, synced), synced));
    this.#keep(this.#repeat('report', () => report.run(session, signal), signal));
  }

  #keep(exchange: Promise<void>): void {
    this.#exchanges.add(exchange);
    void exchange.finally(() => this.#exchanges.delete(exchange));
  }

  /** Never rejects. */
  async #repeat(name: string, exchange: () => Promise<void>, signal: AbortSignal): Promise<void> {
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      const startedAtMs = performance.now();
      try {
        await exchange();
      } catch (error) {
        if (signal.aborted) return;
        const fields = { err: error, exchange: name };
        this.#options.log.warn(fields, 'an exchange with the provider failed');
      }
      if (performance.now() - startedAtMs > maxRetryMs) retryMs = firstRetryMs;
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
  }

  #tell(state: LinkState): void {
    this.#options.onState(state);
    this.#log.tell(state);
  }
}
