import type { ServerResponse } from 'node:http';
import { Transform, type Duplex, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Logger } from 'pino';
import type { HostLogHead, StatsHead } from '../../protocol/stream-head.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import { maxStatsBytes } from './limits.ts';
import type { NodeDirectory } from './node-directory.ts';
import { openSiteStream } from './site-stream.ts';

const json = 'application/json';
const metrics = 'text/plain; version=0.0.4; charset=utf-8';
const text = 'text/plain; charset=utf-8';

/** Content types of the endpoints that the site answers, by their path. */
export const statsEndpoints: Readonly<Record<StatsHead['path'], string>> = {
  '/stats/summary': json,
  '/metrics': metrics,
  '/metrics/resource': metrics,
  '/metrics/cadvisor': metrics,
  '/metrics/probes': metrics,
  '/runningpods': json,
  '/configz': json,
  '/healthz': text,
};

/** The head of a request for one of these endpoints. */
export function statsHead(path: StatsHead['path'], query: URLSearchParams): StatsHead {
  const only = query.get('only_cpu_and_memory');
  return { type: 'stats', path, onlyCpuAndMemory: only === 'true' || only === '1' };
}

/** The head of a request for `/logs/…`; `path` is what comes after that. */
export function hostLogHead(path: string): HostLogHead {
  return { type: 'host-log', path };
}

/** What Go's file server says a file or a list of a folder is. */
export function hostLogType(path: string): string {
  return path === '' || path.endsWith('/') ? 'text/html; charset=utf-8' : text;
}

/** Asks the site for an endpoint's body. @throws as `openSiteStream` */
export function openNodeEndpoint(
  nodes: NodeDirectory,
  nodeName: string,
  head: StatsHead | HostLogHead,
  signal: AbortSignal,
): Promise<Duplex> {
  return openSiteStream(nodes, { nodeName, head, streamClass: 'bulk', signal });
}

interface BodyOptions {
  contentType: string;
  maxBytes?: number;
  log: Pick<Logger, 'debug' | 'warn'>;
}

/** Node's word for an end that just went away, as a client may. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

const brokenAnswer = "a site's answer broke off on its way to the client";

/**
 * Sends a body as it comes, unpacked. When the site breaks off, or sends what is no gzip or more than
 * `maxBytes`, so does the answer, and the client sees that it is not whole; the log says why. Never
 * rejects.
 */
export async function sendNodeBody(
  body: Duplex,
  response: ServerResponse,
  { contentType, maxBytes = maxStatsBytes, log }: BodyOptions,
): Promise<void> {
  response.writeHead(200, { 'content-type': contentType, 'x-content-type-options': 'nosniff' });
  try {
    await pipeline(body, createGunzip(), new AtMost(maxBytes), response);
    body.end();
  } catch (error) {
    log[isGone(error) ? 'debug' : 'warn']({ err: error }, brokenAnswer);
    response.destroy();
    body.destroy();
  }
}

class AtMost extends Transform {
  #left: number;

  constructor(bytes: number) {
    super();
    this.#left = bytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left >= 0) done(undefined, chunk);
    else done(new KubeletApiError('NODE_ANSWER_INVALID', 'the site sent more than is passed on'));
  }
}
