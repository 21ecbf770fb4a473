import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { tunnelPath } from '../../protocol/join.ts';
import { connectTunnel, type LinkState } from '../../tunnel/connect.ts';
import type { Session } from '../../tunnel/session.ts';
import type { Identity } from '../join/identity.ts';
import type { ReportClient } from '../report/report-client.ts';
import type { StreamServer } from '../streams/stream-server.ts';
import type { SyncClient } from '../sync/sync-client.ts';

interface LinkOptions {
  identity: Identity;
  environment: Record<string, string | undefined>;
  sync: SyncClient;
  report: ReportClient;
  streams: StreamServer;
  log: Logger;
}

/** How long after an exchange failed a new one is begun on the same connection. */
const exchangeRetryMs = 1_000;

/** Keeps the device connected, and its sync and report streams open, until the signal aborts. */
export class Link {
  readonly #options: LinkOptions;
  #current: AbortController | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { identity, environment, streams } = this.#options;
    await connectTunnel({
      addresses: identity.addresses.map((address) => new URL(tunnelPath, address).href),
      tls: { cert: identity.certificate, key: identity.privateKey, ca: identity.ca },
      proxyEnvironment: environment,
      signal,
      session: {
        onStream: (stream) => {
          streams.accept(stream);
        },
      },
      onSession: (session) => {
        this.#use(session, signal);
      },
      onState: (state) => {
        this.#tell(state);
      },
    });
    this.#current?.abort();
  }

  /** The newest connection carries the exchanges; one that drains only finishes its streams. */
  #use(session: Session, signal: AbortSignal): void {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    const ended = AbortSignal.any([signal, current.signal]);
    void session.closed.then(() => {
      current.abort();
    });
    const { sync, report } = this.#options;
    void this.#repeat('sync', (s) => sync.run(session, s), ended);
    void this.#repeat('report', (s) => report.run(session, s), ended);
  }

  async #repeat(
    name: string,
    exchange: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        await exchange(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn(
          { err: error, exchange: name },
          'an exchange with the provider failed',
        );
      }
      await delay(exchangeRetryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #tell(state: LinkState): void {
    const { log } = this.#options;
    switch (state.kind) {
      case 'connecting':
        log.debug('connecting to the provider');
        break;
      case 'connected':
        log.info({ address: state.address }, 'connected to the provider');
        break;
      case 'disconnected':
        log.warn(
          { code: state.error.code, retryInMs: Math.round(state.retryInMs) },
          `not connected to the provider: ${state.error.message}`,
        );
        break;
    }
  }
}
