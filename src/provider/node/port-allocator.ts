import type { Logger } from 'pino';
import type { KubeletPorts } from './node-controller.ts';

/** Opens and closes the port of one node's kubelet API. */
export interface PortListener {
  /** Rejects with code `PORT_IN_USE` when it is; 0 is any free one. */
  listen(nodeName: string, port: number): Promise<number>;
  unlisten(nodeName: string): Promise<void>;
}

/** Ports from `from` to `to`, both included; `from: 0` lets the system choose. */
export interface PortRange {
  from: number;
  to: number;
}

/** What is wrong when no port is left. */
export class NoPortLeftError extends Error {
  readonly code = 'NO_PORT_LEFT';

  constructor({ from, to }: PortRange) {
    super(`all ports from ${from} to ${to} are taken: widen --kubelet-ports`);
    this.name = 'NoPortLeftError';
  }
}

/** Gives every node one port, the one that it had before where that is possible. */
export class PortAllocator implements KubeletPorts {
  readonly #listener: PortListener;
  readonly #range: PortRange;
  /** Ports that nodes had before, and may want again. */
  readonly #reserved: () => Iterable<number>;
  readonly #log: Logger;
  readonly #ports = new Map<string, Promise<number>>();

  constructor(options: {
    listener: PortListener;
    range: PortRange;
    reserved: () => Iterable<number>;
    log: Logger;
  }) {
    this.#listener = options.listener;
    this.#range = options.range;
    this.#reserved = options.reserved;
    this.#log = options.log;
  }

  /** @throws NoPortLeftError, or the listener's error. */
  open(nodeName: string, preferred: number | undefined): Promise<number> {
    let port = this.#ports.get(nodeName);
    if (port === undefined) {
      this.#ports.set(nodeName, (port = this.#open(nodeName, preferred)));
      port.catch(() => this.#ports.delete(nodeName));
    }
    return port;
  }

  async close(nodeName: string): Promise<void> {
    if (this.#ports.delete(nodeName)) await this.#listener.unlisten(nodeName);
  }

  async #open(nodeName: string, preferred: number | undefined): Promise<number> {
    if (preferred !== undefined && this.#isOurs(preferred)) {
      const port = await this.#try(nodeName, preferred);
      if (port !== undefined) return port;
      this.#log.warn({ node: nodeName, port: preferred }, 'port of the node is taken: it moves');
    }
    if (this.#range.from === 0) return this.#listener.listen(nodeName, 0);
    const taken = new Set(this.#reserved());
    for (let port = this.#range.from; port <= this.#range.to; port += 1) {
      if (taken.has(port)) continue;
      const opened = await this.#try(nodeName, port);
      if (opened !== undefined) return opened;
    }
    throw new NoPortLeftError(this.#range);
  }

  #isOurs(port: number): boolean {
    return this.#range.from === 0 || (port >= this.#range.from && port <= this.#range.to);
  }

  async #try(nodeName: string, port: number): Promise<number | undefined> {
    try {
      return await this.#listener.listen(nodeName, port);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'PORT_IN_USE') return undefined;
      throw error;
    }
  }
}
