import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { redirected, urlOf, type HttpTarget } from './http-target.ts';
import { maxProbeOutputBytes, maxRedirects, maxResponseHeaderBytes } from './limits.ts';
import { codeOf, dialProblem, joinHostPort, systemProblem } from './network-text.ts';

export interface HttpGet {
  target: HttpTarget;
  headers: Record<string, string | string[]>;
  signal: AbortSignal;
}

/** What came of a GET. */
export type HttpAnswer =
  | { kind: 'answer'; status: number; body: string }
  /** `withoutTls`: somebody answered, but not in TLS. */
  | { kind: 'failed'; message: string; withoutTls?: true }
  /** An answer began and its body broke off. */
  | { kind: 'broken'; message: string };

/**
 * One GET on a connection of its own, with no proxy, no check of certificates and no compression.
 * Redirects are followed while they stay on the host; an answer that leads elsewhere is given as it
 * is. Never rejects; ends when the signal aborts.
 */
export async function httpGet({ target, headers, signal }: HttpGet): Promise<HttpAnswer> {
  let current = target;
  for (let redirects = 0; ; redirects += 1) {
    const response = await send(current, headers, signal);
    if ('kind' in response) return response;
    const next = nextTarget(current, response);
    if (next === undefined || next.host !== target.host) return readAnswer(response, signal);
    response.destroy();
    if (redirects + 1 >= maxRedirects) {
      return failed(current, `stopped after ${maxRedirects} redirects`);
    }
    if (isAbsolute(response.headers.location) || sameAddress(headers, current)) {
      headers = { ...headers, Host: joinHostPort(next.host, next.port) };
    }
    current = next;
  }
}

const redirects = new Set([301, 302, 303, 307, 308]);

function nextTarget(current: HttpTarget, response: IncomingMessage): HttpTarget | undefined {
  const { location } = response.headers;
  if (!redirects.has(response.statusCode ?? 0) || !location) return undefined;
  return redirected(current, location);
}

/** Go's client keeps a `Host` of the pod's own only where the `Location` names no other. */
function isAbsolute(location: string | undefined): boolean {
  return location !== undefined && /^[a-z][a-z0-9+.-]*:/i.test(location);
}

/** Whether the request's `Host` is nothing but its address. */
function sameAddress(headers: HttpGet['headers'], { host, port }: HttpTarget): boolean {
  return headers['Host'] === joinHostPort(host, port);
}

function send(
  target: HttpTarget,
  headers: HttpGet['headers'],
  signal: AbortSignal,
): Promise<IncomingMessage | HttpAnswer> {
  return new Promise((resolve) => {
    const fail = (error: unknown): void => {
      resolve(failureOf(target, error, signal));
    };
    try {
      const request = target.scheme === 'https' ? requestHttps : requestHttp;
      const outgoing = request(optionsOf(target, headers, signal));
      outgoing.on('error', fail);
      outgoing.on('response', resolve);
      outgoing.on('upgrade', (response, socket) => {
        socket.destroy();
        resolve({ kind: 'answer', status: response.statusCode ?? 0, body: '' });
      });
      outgoing.end();
    } catch (error) {
      // A header that HTTP doesn't allow.
      fail(error);
    }
  });
}

function optionsOf(
  { host, port, path }: HttpTarget,
  headers: HttpGet['headers'],
  signal: AbortSignal,
): RequestOptions & { rejectUnauthorized: boolean; servername: string } {
  return {
    ...{ host, port, path, headers, signal },
    agent: false,
    insecureHTTPParser: true,
    maxHeaderSize: maxResponseHeaderBytes,
    rejectUnauthorized: false,
    servername: isIP(host) === 0 ? host : '',
  };
}

/** Reads the body as far as it is wanted. */
function readAnswer(response: IncomingMessage, signal: AbortSignal): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const settle = (): void => {
      const body = Buffer.concat(chunks).subarray(0, maxProbeOutputBytes).toString();
      resolve({ kind: 'answer', status: response.statusCode ?? 0, body });
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received < maxProbeOutputBytes) return;
      settle();
      response.destroy();
    });
    response.on('end', settle);
    response.on('error', (error) => {
      const message = signal.aborted ? bodyTimeout : systemProblem(error);
      resolve({ kind: 'broken', message });
    });
  });
}

const bodyTimeout =
  'context deadline exceeded (Client.Timeout or context cancellation while reading body)';

function failureOf(target: HttpTarget, error: unknown, signal: AbortSignal): HttpAnswer {
  if (signal.aborted) {
    const words = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
    return failed(target, words);
  }
  const code = codeOf(error);
  // Node says EPROTO of all that TLS finds, Bun names it.
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return { ...failed(target, noTls), withoutTls: true };
  }
  const address = joinHostPort(target.host, target.port);
  if (code === 'ECONNRESET') return failed(target, 'EOF');
  if (isSystemError(error)) return failed(target, dialProblem(address, error));
  return failed(target, systemProblem(error));
}

const noTls = 'tls: handshake failed; does the server speak TLS at this port?';

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function failed(target: HttpTarget, words: string): Extract<HttpAnswer, { kind: 'failed' }> {
  return { kind: 'failed', message: `Get ${JSON.stringify(urlOf(target))}: ${words}` };
}
