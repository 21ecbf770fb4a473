import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HeldPings, isPing } from './held-pings.ts';
import { lingerMs } from './limits.ts';
import { StreamRefusal } from './stream-refusal.ts';

/** Bytes read from the runtime at a time. */
const readBytes = 64 * 1024;

/**
 * A connection to the runtime's streaming server, tied to a client's stream.
 *
 * The runtime closes the connection as soon as its last byte is out, often while the client still
 * sends (window updates, say), so that the connection ends in a reset. Everything that was read
 * before still belongs to the client. Hence no `pipeline`: that drops it.
 *
 * A reset drops as well what the runtime's kernel has not handed over yet. kubectl sends a ping every
 * five seconds, also while the last of the output is on its way; so pings wait until there is nothing
 * to be read.
 */
export class RuntimeSocket {
  readonly #url: URL;
  #socket: Socket | undefined;
  #client: Duplex | undefined;
  readonly #pings = new HeldPings((ping) => {
    this.#toRuntime(ping);
  });

  constructor(url: URL) {
    this.#url = url;
  }

  /** @throws StreamRefusal 502 when nobody listens there. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: this.#url.hostname,
        port: Number(this.#url.port),
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(readBytes),
          // Nothing is read ahead of the client, so that a reset can't overtake what was read.
          callback: (count, buffer) => this.#toClient(Buffer.from(buffer.subarray(0, count))),
        },
      });
      this.#socket = socket;
      socket.once('connect', resolve);
      socket.once('error', (cause) => {
        const text = `the container runtime's streaming server at ${this.#url.host} doesn't answer: ${cause.message}`;
        reject(new StreamRefusal(502, text, { cause }));
      });
    });
  }

  /** Sends the request and passes bytes both ways. Resolves when both sides are closed. */
  relay(request: string, client: Duplex): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || client.destroyed) return Promise.resolve();
    this.#client = client;
    socket.write(request);
    client.on('data', (chunk: Buffer) => {
      if (isPing(chunk) && this.#pings.hold(chunk)) return;
      this.#pings.release();
      this.#toRuntime(chunk);
    });
    socket.on('drain', () => client.resume());
    client.on('drain', () => {
      this.#pings.reading();
      socket.resume();
    });
    client.once('end', () => {
      this.#pings.release();
      socket.end();
    });
    client.once('close', () => {
      socket.destroy();
    });
    socket.once('end', () => client.end());
    socket.on('error', () => client.end());
    return new Promise((resolve) => {
      client.once('close', resolve);
      socket.once('close', () => {
        this.#pings.drop();
        if (client.closed) return;
        client.end();
        client.resume();
        const linger = setTimeout(() => client.destroy(), lingerMs);
        client.once('close', () => {
          clearTimeout(linger);
        });
      });
    });
  }

  /** Drops the connection, whatever is still on its way. */
  destroy(): void {
    this.#socket?.destroy();
  }

  /** Returns whether to go on reading. */
  #toClient(chunk: Buffer): boolean {
    if (this.#client?.writable !== true) return true;
    const goOn = this.#client.write(chunk);
    if (goOn) this.#pings.reading();
    else this.#pings.readingStopped();
    return goOn;
  }

  /** What comes after the runtime has closed has no reader any more. */
  #toRuntime(chunk: Buffer): void {
    if (this.#socket?.writable === true && !this.#socket.write(chunk)) this.#client?.pause();
  }
}
