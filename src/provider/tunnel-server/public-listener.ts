import { once } from 'node:events';
import type { Server as HttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Strangers } from '../strangers/strangers.ts';
import { TunnelServerError } from './errors.ts';

/**
 * The TCP port in front of an HTTPS server that doesn't listen itself: no TLS is begun for a connection
 * that is one too many.
 */
export class PublicListener {
  readonly #server: HttpsServer;
  readonly #strangers: Strangers;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: { server: HttpsServer; strangers: Strangers }) {
    this.#server = options.server;
    this.#strangers = options.strangers;
    this.#listener = createServer({ noDelay: true }, (socket) => {
      this.#accept(socket);
    });
    // Only when it listens would it begin to enforce its time limits.
    this.#server.emit('listening');
  }

  /** @throws TunnelServerError `PORT_IN_USE`, `LISTEN_FAILED` */
  async listen(at: { host: string; port: number }): Promise<AddressInfo> {
    try {
      const listening = once(this.#listener, 'listening');
      this.#listener.listen(at);
      await listening;
    } catch (cause) {
      throw listenError(at, cause);
    }
    return this.#listener.address() as AddressInfo;
  }

  get listening(): boolean {
    return this.#listener.listening;
  }

  /** Takes no new connections; those that wait for a request are closed. */
  refuseNew(): void {
    this.#listener.close();
    this.#server.close();
  }

  /** Breaks the connections that are still open. */
  async close(): Promise<void> {
    const closed = this.#listener.listening ? once(this.#listener, 'close') : undefined;
    this.refuseNew();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    if (!this.#strangers.take(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#server.emit('connection', socket);
  }
}

function listenError(at: { host: string; port: number }, cause: unknown): TunnelServerError {
  const where = `${at.host}:${at.port}`;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') {
    return new TunnelServerError(
      'PORT_IN_USE',
      `cannot listen on ${where}: another program has this port; stop it, or choose another with --listen`,
      { cause },
    );
  }
  return new TunnelServerError(
    'LISTEN_FAILED',
    `cannot listen on ${where}: ${String(code ?? cause)}; give an address of this machine with --listen`,
    { cause },
  );
}
