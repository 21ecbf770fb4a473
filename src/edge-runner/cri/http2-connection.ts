import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectSocket } from 'node:net';

/**
 * One HTTP/2 session on a unix socket, opened at first use and again after it was lost. It holds
 * no timers and never retries by itself: whoever makes a call decides about that.
 */
export class Http2Connection {
  readonly #socketPath: string;
  #session: ClientHttp2Session | undefined;
  readonly #spokeHttp2 = new WeakSet<ClientHttp2Session>();

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** The live session, or a new one that is still connecting. */
  session(): ClientHttp2Session {
    const current = this.#session;
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const fresh = this.#open();
    this.#session = fresh;
    return fresh;
  }

  /** Whether the other side of this session ever spoke HTTP/2. */
  spokeHttp2(session: ClientHttp2Session): boolean {
    return this.#spokeHttp2.has(session);
  }

  /** Ends the session at once; calls on it fail. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined || session.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    session.once('close', () => {
      resolve(undefined);
    });
    session.destroy();
    await promise;
  }

  #open(): ClientHttp2Session {
    const session = connect('http://localhost', {
      createConnection: () => connectSocket(this.#socketPath),
      settings: { enablePush: false },
    });
    session.once('remoteSettings', () => {
      this.#spokeHttp2.add(session);
    });
    session.on('error', noteOnStreams);
    return session;
  }
}

/** A session's error reaches the calls through their streams, with its cause; here it only must not be unhandled. */
function noteOnStreams(): void {}
