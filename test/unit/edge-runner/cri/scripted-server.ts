import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { encodeFrame } from '../../../../src/edge-runner/cri/grpc-frames.ts';

export type Script = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A place for a socket, short enough for the kernel's limit of 108 bytes; gone after the test. */
export async function socketPathFor(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cri-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'socket');
}

/** A server on a unix socket that answers every call as a test's script says. */
export class ScriptedServer {
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(script: Script) {
    this.#server = createServer();
    this.#server.on('stream', script);
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
    });
  }

  static async listen(socketPath: string, script: Script): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(script);
    scripted.#server.listen(socketPath);
    await once(scripted.#server, 'listening');
    return scripted;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Drops the connections and the socket, as a killed process does. */
  async kill(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export const okHeaders = { ':status': 200, 'content-type': 'application/grpc' };

/** Answers with these messages and then this status. */
export function answer(
  stream: ServerHttp2Stream,
  messages: readonly Uint8Array[],
  trailers: Record<string, string> = { 'grpc-status': '0' },
): void {
  stream.respond(okHeaders, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers(trailers);
  });
  for (const message of messages) stream.write(encodeFrame(message));
  stream.end();
}

/** Answers with a status and nothing else, in the headers. */
export function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  stream.respond(
    { ...okHeaders, 'grpc-status': String(code), 'grpc-message': message },
    { endStream: true },
  );
}
