import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../tunnel/clock.ts';
import { maxStrangersPerNode } from '../strangers/limits.ts';
import { type Ends, Strangers } from '../strangers/strangers.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import { maxConnectionsPerNode } from './limits.ts';

interface Listener {
  server: Server;
  sockets: Set<Socket>;
  strangers: Strangers;
  port: Promise<number>;
}

export interface NodeListenersOptions {
  host: string;
  accept: (socket: Socket) => void;
  clock: Pick<Clock, 'now'>;
  /** Strangers at all ports together. */
  strangers: Strangers;
  /** Called for each stranger that had to go because of those at the same port. */
  onDropped: () => void;
}

/**
 * One port per virtual node; every connection goes to the same server, and its port says to which node.
 * Strangers are bounded by port and altogether, so that they can take neither all connections of a
 * node nor the memory of the provider.
 */
export class NodeListeners {
  readonly #options: NodeListenersOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #nodes = new Map<number, string>();

  constructor(options: NodeListenersOptions) {
    this.#options = options;
  }

  /** The node that a local port stands for. */
  nodeOf(port: number | undefined): string | undefined {
    return port === undefined ? undefined : this.#nodes.get(port);
  }

  /** A connection's client has shown who it is. */
  welcome(connection: Ends): void {
    this.#options.strangers.welcome(connection);
    const nodeName = this.nodeOf(connection.localPort);
    if (nodeName !== undefined) this.#listeners.get(nodeName)?.strangers.welcome(connection);
  }

  /**
   * Listens for a node; 0 takes any free port. A node that listens already keeps its port when it
   * is the same or any will do, else moves. @throws KubeletApiError `PORT_IN_USE`, `LISTEN_FAILED`.
   */
  async listen(nodeName: string, port: number): Promise<number> {
    const known = this.#listeners.get(nodeName);
    if (known !== undefined) {
      const knownPort = await known.port;
      if (port === 0 || port === knownPort) return knownPort;
      await this.unlisten(nodeName);
    }
    const listener = this.#start(nodeName, port);
    this.#listeners.set(nodeName, listener);
    try {
      return await listener.port;
    } catch (error) {
      if (this.#listeners.get(nodeName) === listener) this.#listeners.delete(nodeName);
      throw error;
    }
  }

  /** Closes a node's port and every connection to it. */
  async unlisten(nodeName: string): Promise<void> {
    const listener = this.#listeners.get(nodeName);
    if (listener === undefined) return;
    this.#listeners.delete(nodeName);
    const port = await listener.port.catch(() => undefined);
    if (port === undefined) return;
    if (this.#nodes.get(port) === nodeName) this.#nodes.delete(port);
    const closed = once(listener.server, 'close');
    listener.server.close();
    for (const socket of listener.sockets) socket.destroy();
    await closed;
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#listeners.keys(), (nodeName) => this.unlisten(nodeName)));
  }

  #start(nodeName: string, port: number): Listener {
    const { clock, onDropped } = this.#options;
    const sockets = new Set<Socket>();
    const strangers = new Strangers({ max: maxStrangersPerNode, clock, onDropped });
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true });
    server.maxConnections = maxConnectionsPerNode;
    server.on('connection', (socket) => {
      if (!strangers.take(socket) || !this.#options.strangers.take(socket)) return;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      this.#options.accept(socket);
    });
    return { server, sockets, strangers, port: this.#bind(server, nodeName, port) };
  }

  async #bind(server: Server, nodeName: string, port: number): Promise<number> {
    const { host } = this.#options;
    try {
      const listening = once(server, 'listening');
      server.listen({ port, host });
      await listening;
    } catch (cause) {
      throw listenError(cause, nodeName, `${host}:${port}`);
    }
    const bound = (server.address() as AddressInfo).port;
    this.#nodes.set(bound, nodeName);
    return bound;
  }
}

function listenError(cause: unknown, nodeName: string, address: string): KubeletApiError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') {
    return new KubeletApiError(
      'PORT_IN_USE',
      `cannot listen on ${address} for node "${nodeName}": something else listens there; stop it or choose another port`,
      { cause },
    );
  }
  return new KubeletApiError(
    'LISTEN_FAILED',
    `cannot listen on ${address} for node "${nodeName}" (${String(code)}): check the address and the right to bind it`,
    { cause },
  );
}
