import type { Socket } from 'node:net';
import type { Carrier, CarrierHandler } from '../../../src/tunnel/carrier.ts';
import { TunnelError } from '../../../src/tunnel/errors.ts';

/** A plain TCP connection as carrier: what peers speak that know yamux and no WebSocket. */
export class SocketCarrier implements Carrier {
  readonly #socket: Socket;
  #drained: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  start(handler: CarrierHandler): void {
    this.#drained = (): void => {
      handler.drained();
    };
    this.#socket.on('data', (bytes) => {
      handler.data(bytes);
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      handler.closed(new TunnelError('CONNECTION_LOST', 'the connection was closed'));
    });
  }

  send(parts: readonly Buffer[]): void {
    if (!this.#socket.writable) return;
    this.#socket.write(Buffer.concat(parts), this.#drained);
  }

  close(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  terminate(): void {
    this.#socket.destroy();
  }
}
