import type { Readable } from 'node:stream';
import { KubeApiError } from './kube-api-error.ts';
import { bookmarkSilenceMs, maxWatchLineBytes, watchGraceMs } from './limits.ts';
import { errorOfStatus } from './status-error.ts';

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

export interface WatchOptions {
  resourceVersion: string;
  /** After this the server ends the watch. */
  timeoutSeconds: number;
  /** Longest silence once a bookmark has come; see `bookmarkSilenceMs`. */
  bookmarkSilenceMs?: number | undefined;
  /** Called when the server has taken the watch. */
  onOpen?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The events in the body of a watch: one JSON object per line. Ends when the server ends it.
 *
 * A server need not say anything on a quiet watch, so silence is only judged by what it has shown:
 * one that sends bookmarks may be silent for 150 s, another until the watch's own end.
 *
 * @throws KubeApiError of the server's Status for an `ERROR` event (`GONE` when the resource
 * version is too old), `TIMEOUT` after too long a silence, `UNREACHABLE` when the connection
 * breaks, `SERVER_ERROR` for a line that is too long or not an event.
 */
export async function* watchEvents<T>(
  what: string,
  body: Readable,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const silence = new SilenceTimer(body, what, options.timeoutSeconds * 1000 + watchGraceMs);
  try {
    for await (const line of lines(what, body, () => {
      silence.heard();
    })) {
      const event = parseEvent<T>(what, line);
      if (event.type === 'BOOKMARK') {
        silence.limit(options.bookmarkSilenceMs ?? bookmarkSilenceMs);
      }
      yield event;
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof KubeApiError) throw error;
    throw new KubeApiError('UNREACHABLE', `${what}: the connection broke`, { cause: error });
  } finally {
    silence.stop();
    body.destroy();
  }
}

/** Destroys a body that is silent for longer than its limit. */
class SilenceTimer {
  readonly #body: Readable;
  readonly #what: string;
  #timer: NodeJS.Timeout;
  #limitMs: number;

  constructor(body: Readable, what: string, limitMs: number) {
    this.#body = body;
    this.#what = what;
    this.#limitMs = limitMs;
    this.#timer = this.#start();
  }

  heard(): void {
    this.#timer.refresh();
  }

  limit(limitMs: number): void {
    if (limitMs >= this.#limitMs) return;
    this.#limitMs = limitMs;
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => {
      const message = `${this.#what}: nothing heard for ${this.#limitMs} ms`;
      this.#body.destroy(new KubeApiError('TIMEOUT', message));
    }, this.#limitMs);
  }
}

async function* lines(
  what: string,
  body: Readable,
  onChunk: () => void,
): AsyncGenerator<string, void, undefined> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    onChunk();
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...parts, rest.subarray(0, end)]).toString('utf8');
      parts = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
      if (line.trim() !== '') yield line;
    }
    bytes += rest.length;
    if (bytes > maxWatchLineBytes) {
      throw new KubeApiError(
        'SERVER_ERROR',
        `${what}: an event is larger than ${maxWatchLineBytes} bytes`,
      );
    }
    if (rest.length > 0) parts.push(rest);
  }
}

function parseEvent<T>(what: string, line: string): WatchEvent<T> {
  let event: { type?: unknown; object?: unknown } | null;
  try {
    event = JSON.parse(line) as { type?: unknown; object?: unknown } | null;
  } catch (cause) {
    throw new KubeApiError('SERVER_ERROR', `${what}: an event is not JSON`, { cause });
  }
  switch (event?.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type: event.type, object: event.object as T };
    case 'ERROR':
      throw errorOfStatus(what, event.object);
    default:
      throw new KubeApiError('SERVER_ERROR', `${what}: an event is of no known type`);
  }
}
