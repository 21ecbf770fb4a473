import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../tunnel/clock.ts';
import { ProviderError } from '../errors.ts';
import { healthAt, healthPaths } from '../health.ts';
import { Strangers } from '../strangers/strangers.ts';
import {
  maxMetricsConnections,
  metricsConnectionsCheckMs,
  metricsRequestTimeoutMs,
} from './limits.ts';
import { type Metric, metricsText } from './metrics-text.ts';

export interface MetricsServerOptions {
  readonly metrics: () => readonly Metric[];
  /** Why the provider isn't ready, or `undefined` when it is. */
  readonly notReady: () => string | undefined;
  /** In place of those of limits.ts. */
  readonly timeouts?: { readonly requestMs: number; readonly checkMs: number };
}

/**
 * `GET /metrics`, `/healthz` and `/readyz` over plain HTTP, for whoever can reach the port: figures, and
 * nothing of sites by name. A flood of the public port doesn't reach it, and one of its own leaves other
 * addresses their turn, so that probes of the kubelet are answered in both.
 */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #server: Server;
  readonly #strangers = new Strangers({ max: maxMetricsConnections, clock: systemClock });

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    const requestMs = options.timeouts?.requestMs ?? metricsRequestTimeoutMs;
    const timeouts = {
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      connectionsCheckingInterval: options.timeouts?.checkMs ?? metricsConnectionsCheckMs,
    };
    this.#server = createServer(timeouts, (request, response) => {
      request.resume();
      this.#answer(request, response);
    });
    this.#server.on('connection', (socket) => {
      this.#strangers.take(socket);
    });
  }

  /** @throws ProviderError `FLAG_INVALID` */
  async listen(at: { host: string; port: number }): Promise<AddressInfo> {
    try {
      const listening = once(this.#server, 'listening');
      this.#server.listen(at);
      await listening;
    } catch (cause) {
      const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
      throw new ProviderError(
        'FLAG_INVALID',
        `--metrics-listen: cannot listen on ${at.host}:${at.port} (${why}): give a free port of this machine`,
        { cause },
      );
    }
    return this.#server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const path = isRead ? request.url?.split('?')[0] : undefined;
    const healthPath = healthPaths.find((known) => known === path);
    if (healthPath !== undefined) {
      const { status, text } = healthAt(healthPath, this.#options.notReady);
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    } else if (path === '/metrics') {
      const type = 'text/plain; version=0.0.4; charset=utf-8';
      response.writeHead(200, { 'content-type': type }).end(metricsText(this.#options.metrics()));
    } else {
      response.writeHead(404).end('there is nothing here but GET /metrics, /healthz and /readyz\n');
    }
  }
}
