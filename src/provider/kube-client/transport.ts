import type { KubeConfig } from '@kubernetes/client-node';
import { type Dispatcher, errors } from 'undici';
import { fullJitterMs, pause } from './back-off.ts';
import { CredentialSource, type Credentials } from './credential-source.ts';
import { Dispatchers } from './dispatchers.ts';
import { KubeApiError, isKubeApiError } from './kube-api-error.ts';
import { maxAttempts, maxResponseBytes, maxRetryAfterMs, retryBackOff } from './limits.ts';
import { errorOfResponse } from './status-error.ts';

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Escaped path from the server's root. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  /** Doing it twice is doing it once: it may be tried again. */
  idempotent: boolean;
  signal?: AbortSignal | undefined;
}

/** HTTP to the API server: JSON as it is on the wire, credentials, tries, one class of errors. */
export class Transport {
  readonly #credentials: CredentialSource;
  readonly #dispatchers: Dispatchers;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #userAgent: string;
  #closed = false;

  /** @throws KubeApiError `CONFIG_INVALID` */
  constructor(config: KubeConfig, userAgent: string) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) {
      throw new KubeApiError('CONFIG_INVALID', 'the kubeconfig has no current cluster');
    }
    const url = serverUrl(cluster.server);
    this.#credentials = new CredentialSource(config);
    this.#dispatchers = new Dispatchers(config, cluster);
    this.#origin = url.origin;
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#userAgent = userAgent;
  }

  /** The JSON of the answer. @throws KubeApiError, or the signal's reason when it aborts. */
  async json<T>(request: TransportRequest): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#jsonOnce<T>(request);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (!isKubeApiError(error) || attempt >= maxAttempts || this.#closed) throw error;
        const waitMs = this.#retryDelayMs(request, error, attempt);
        if (waitMs === undefined) throw error;
        await pause(waitMs, request.signal);
        request.signal?.throwIfAborted();
      }
    }
  }

  /** The body of a good answer as it comes; the caller bounds its silence. Tried once. */
  async stream(request: TransportRequest): Promise<Dispatcher.ResponseData['body']> {
    const response = await this.#send(request, 'watches');
    if (response.statusCode < 300) return response.body;
    if (response.statusCode === 401) this.#credentials.forget();
    throw await this.#failure(request, response);
  }

  /** Breaks every connection; requests under way fail with `UNREACHABLE`. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#dispatchers.destroy();
  }

  async #jsonOnce<T>(request: TransportRequest): Promise<T> {
    const response = await this.#send(request, 'requests');
    if (response.statusCode >= 300) throw await this.#failure(request, response);
    const text = await readText(request, response);
    try {
      // The one place where the server's word is taken for the type that the caller asked for.
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new KubeApiError('SERVER_ERROR', `${nameOf(request)}: the answer is not JSON`, {
        cause,
      });
    }
  }

  async #send(
    request: TransportRequest,
    use: 'requests' | 'watches',
  ): Promise<Dispatcher.ResponseData> {
    const credentials = await this.#credentials.current();
    const dispatcher = this.#dispatchers.for(credentials.tls)[use];
    try {
      return await dispatcher.request({
        origin: this.#origin,
        path: this.#basePath + request.path + queryString(request.query),
        method: request.method,
        headers: this.#headers(request, credentials),
        body: request.body === undefined ? null : JSON.stringify(request.body),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
        ...(use === 'watches' ? { bodyTimeout: 0 } : {}),
      });
    } catch (error) {
      throw networkError(request, error);
    }
  }

  #headers(request: TransportRequest, credentials: Credentials): Record<string, string> {
    return {
      ...credentials.headers,
      'user-agent': this.#userAgent,
      accept: 'application/json',
      ...(request.body === undefined
        ? {}
        : { 'content-type': request.contentType ?? 'application/json' }),
    };
  }

  async #failure(
    request: TransportRequest,
    response: Dispatcher.ResponseData,
  ): Promise<KubeApiError> {
    const retryAfter = response.headers['retry-after'];
    return errorOfResponse(
      nameOf(request),
      response.statusCode,
      await readText(request, response),
      Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
    );
  }

  /** How long to wait before the next try; undefined when there should be none. */
  #retryDelayMs(
    request: TransportRequest,
    error: KubeApiError,
    attempt: number,
  ): number | undefined {
    if (error.code === 'UNAUTHORIZED' && attempt === 1) {
      this.#credentials.forget();
      return 0;
    }
    const busy = error.status === 429 || error.status === 503;
    if (!request.idempotent || !(busy || error.code === 'UNREACHABLE')) return undefined;
    const jitterMs = fullJitterMs(attempt, retryBackOff);
    if (error.retryAfterMs === undefined) return jitterMs;
    return error.retryAfterMs > maxRetryAfterMs ? undefined : error.retryAfterMs + jitterMs;
  }
}

function serverUrl(server: string): URL {
  try {
    return new URL(server);
  } catch (cause) {
    throw new KubeApiError('CONFIG_INVALID', `the kubeconfig's server "${server}" is not a URL`, {
      cause,
    });
  }
}

function queryString(query: TransportRequest['query']): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) params.set(name, String(value));
  }
  return params.size === 0 ? '' : `?${params.toString()}`;
}

async function readText(
  request: TransportRequest,
  response: Dispatcher.ResponseData,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxResponseBytes) {
        throw new KubeApiError(
          'SERVER_ERROR',
          `${nameOf(request)}: the answer is larger than ${maxResponseBytes} bytes`,
        );
      }
      chunks.push(chunk);
    }
  } catch (error) {
    throw networkError(request, error);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

function networkError(request: TransportRequest, error: unknown): unknown {
  if (request.signal?.aborted === true || error instanceof KubeApiError) return error;
  const timedOut =
    error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
  const why = error instanceof Error ? error.message : String(error);
  return new KubeApiError(
    timedOut ? 'TIMEOUT' : 'UNREACHABLE',
    `${nameOf(request)}: ${timedOut ? 'no answer in time' : `no connection: ${why}`}`,
    { cause: error },
  );
}

function nameOf(request: TransportRequest): string {
  return `${request.method} ${request.path}`;
}
