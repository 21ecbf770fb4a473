import type { Cluster, KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { TlsMaterial } from './credential-source.ts';
import { KubeApiError } from './kube-api-error.ts';
import {
  connectTimeoutMs,
  keepAliveMs,
  maxRequestConnections,
  responseTimeoutMs,
  tcpKeepAliveDelayMs,
} from './limits.ts';

/** Connections to one API server: a bounded pool for requests, and as many as watches need. */
export interface DispatcherPair {
  requests: Dispatcher;
  watches: Dispatcher;
}

/**
 * The connection pools, made anew when the TLS material changes. Those before it finish what they
 * carry and are then closed.
 */
export class Dispatchers {
  readonly #config: KubeConfig;
  readonly #cluster: Cluster;
  readonly #open = new Set<Dispatcher>();
  #current: { tls: TlsMaterial; pair: DispatcherPair } | undefined;

  constructor(config: KubeConfig, cluster: Cluster) {
    this.#config = config;
    this.#cluster = cluster;
  }

  /** @throws KubeApiError `CONFIG_INVALID` for a proxy that is not HTTP. */
  for(tls: TlsMaterial): DispatcherPair {
    if (this.#current !== undefined && sameTls(this.#current.tls, tls)) return this.#current.pair;
    const pair = {
      requests: this.#dispatcher(tls, { connections: maxRequestConnections }),
      watches: this.#dispatcher(tls, {}),
    };
    const previous = this.#current?.pair;
    this.#current = { tls, pair };
    if (previous !== undefined) this.#retire(previous);
    return pair;
  }

  /** Breaks every connection. */
  async destroy(): Promise<void> {
    this.#current = undefined;
    await Promise.all(Array.from(this.#open, (dispatcher) => dispatcher.destroy()));
    this.#open.clear();
  }

  #dispatcher(tls: TlsMaterial, extra: { connections?: number }): Dispatcher {
    const dispatcher = newDispatcher(this.#config, this.#cluster, tls, extra);
    this.#open.add(dispatcher);
    return dispatcher;
  }

  #retire(pair: DispatcherPair): void {
    for (const dispatcher of [pair.requests, pair.watches]) {
      void dispatcher.close().finally(() => this.#open.delete(dispatcher));
    }
  }
}

function newDispatcher(
  config: KubeConfig,
  cluster: Cluster,
  tls: TlsMaterial,
  extra: { connections?: number },
): Dispatcher {
  const socket = { keepAlive: true, keepAliveInitialDelay: tcpKeepAliveDelayMs };
  const options = {
    ...extra,
    allowH2: false,
    headersTimeout: responseTimeoutMs,
    bodyTimeout: responseTimeoutMs,
    keepAliveTimeout: keepAliveMs,
  };
  const kind = config.createDispatcherOptions(cluster, tls);
  switch (kind.type) {
    case 'proxy':
      return new ProxyAgent({
        ...options,
        uri: kind.uri,
        requestTls: { ...tls, ...socket, timeout: connectTimeoutMs },
      });
    case 'socks':
      throw new KubeApiError(
        'CONFIG_INVALID',
        `the proxy ${kind.uri} of cluster "${cluster.name}" is not supported: use an HTTP proxy`,
      );
    case 'agent':
    case 'none':
      return new Agent({ ...options, connect: { ...tls, ...socket, timeout: connectTimeoutMs } });
  }
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  return (
    sameBytes(a.ca, b.ca) &&
    sameBytes(a.cert, b.cert) &&
    sameBytes(a.key, b.key) &&
    a.rejectUnauthorized === b.rejectUnauthorized &&
    a.servername === b.servername
  );
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
