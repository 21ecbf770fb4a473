import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { TunnelError } from './errors.ts';
import { maxMessageBytes, maxMessageFragments } from './limits.ts';
import { Session, type SessionOptions } from './session.ts';
import { carrierFor } from './websocket-carrier.ts';

/** A session at the accepting end of an open WebSocket. */
export function acceptTunnel(ws: WebSocket, options: SessionOptions): Session {
  return new Session(carrierFor(ws, options), { ...options, role: 'server' });
}

/** Turns HTTP upgrade requests into sessions, for a server whose 'upgrade' event it is given. */
export class TunnelUpgrader {
  readonly #server: WebSocketServer;

  constructor() {
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: maxMessageBytes,
      maxFragments: maxMessageFragments,
    });
  }

  /**
   * Answers the upgrade and gives the session. Rejects with WEBSOCKET_INVALID when the request was
   * no proper upgrade; it has been answered then.
   */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    options: SessionOptions,
  ): Promise<Session> {
    const { promise, resolve, reject } = Promise.withResolvers<Session>();
    const onClose = (): void => {
      reject(new TunnelError('WEBSOCKET_INVALID', 'the request was not a WebSocket upgrade'));
    };
    socket.once('close', onClose);
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      socket.off('close', onClose);
      resolve(acceptTunnel(ws, options));
    });
    return promise;
  }

  /** Turns an upgrade down with a plain HTTP answer and closes the connection. */
  reject(socket: Duplex, status: number, text: string): void {
    const body = Buffer.from(`${text}\n`);
    socket.on('error', () => socket.destroy());
    socket.once('finish', () => socket.destroy());
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n` +
        'Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
        `Content-Length: ${body.length}\r\n\r\n${body.toString()}`,
    );
  }
}
