import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Logger } from 'pino';
import { ProtocolError } from '../../protocol/errors.ts';
import { CriError } from '../cri/cri-error.ts';
import { LogError } from '../logs/log-error.ts';
import { StreamRefusal } from '../streams/stream-refusal.ts';
import { maxRequestBytes } from './limits.ts';

/** What is answered to one request; `signal` aborts when the asker has gone. */
export interface Request {
  readonly path: string;
  readonly body: unknown;
  readonly signal: AbortSignal;
}

/** Something to be sent as JSON, or bytes as they come. */
export type Answer = { json: unknown } | { bytes: AsyncIterable<Buffer> };

export type Handler = (request: Request) => Promise<Answer>;

/** Root's way to the runner on its own device: HTTP on a unix socket that nobody else can open. */
export class ControlServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Takes the place of what a runner that was killed has left there. @throws the system's error */
  static async listen(
    path: string,
    handle: Handler,
    log: Pick<Logger, 'warn'>,
  ): Promise<ControlServer> {
    await rm(path, { force: true });
    const server = createServer((request, response) => {
      serve(request, response, handle).catch((error: unknown) => {
        if (!response.destroyed) log.warn({ err: error }, 'a request on the control socket failed');
        response.destroy();
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // Its folder is closed to others until the mode is set.
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    return new ControlServer(server);
  }

  /** Ends also what is still being answered. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handle: Handler,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  try {
    const body = await readBody(request);
    const path = `${request.method ?? 'GET'} ${request.url ?? '/'}`;
    const answer = await handle({ path, body, signal: gone.signal });
    if ('json' in answer) sendJson(response, 200, answer.json);
    else await sendBytes(response, answer.bytes);
  } catch (error) {
    if (gone.signal.aborted) return;
    const refusal = refusalOf(error);
    if (refusal === undefined || response.headersSent) throw error;
    sendJson(response, refusal.status, { message: refusal.message });
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxRequestBytes) throw new StreamRefusal(413, 'the request is too large');
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw new StreamRefusal(400, 'the request is not JSON', { cause });
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

async function sendBytes(response: ServerResponse, bytes: AsyncIterable<Buffer>): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  await pipeline(bytes, response);
}

function refusalOf(error: unknown): { status: number; message: string } | undefined {
  if (error instanceof StreamRefusal) return { status: error.status, message: error.message };
  if (error instanceof ProtocolError) return { status: 400, message: error.message };
  if (error instanceof LogError) return { status: 500, message: error.message };
  if (error instanceof CriError) return { status: 500, message: error.detail };
  return undefined;
}
