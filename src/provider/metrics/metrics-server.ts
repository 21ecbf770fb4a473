import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProviderError } from '../errors.ts';
import { maxMetricsConnections, metricsRequestTimeoutMs } from './limits.ts';
import { type Metric, metricsText } from './metrics-text.ts';

const text = 'text/plain; version=0.0.4; charset=utf-8';

/** `GET /metrics` over plain HTTP, for whoever can reach the port: figures, and nothing of sites by name. */
export class MetricsServer {
  readonly #server: Server;

  constructor(metrics: () => readonly Metric[]) {
    this.#server = createServer(
      { requestTimeout: metricsRequestTimeoutMs, headersTimeout: metricsRequestTimeoutMs },
      (request, response) => {
        request.resume();
        const isRead = request.method === 'GET' || request.method === 'HEAD';
        if (!isRead || request.url?.split('?')[0] !== '/metrics') {
          response.writeHead(404).end('there is nothing here but GET /metrics\n');
          return;
        }
        response.writeHead(200, { 'content-type': text }).end(metricsText(metrics()));
      },
    );
    this.#server.maxConnections = maxMetricsConnections;
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
}
