import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { isInteractive } from '../../protocol/stream-head.ts';
import { replyTimeoutMs } from './limits.ts';
import type { NodeDirectory } from './node-directory.ts';
import { refusalOf, refuseUpgrade } from './refusal.ts';
import { relay } from './relay.ts';
import { parseTarget, type RequestTarget } from './request-target.ts';
import { openSiteStream, siteFailure } from './site-stream.ts';
import { requireUpgradeResponse } from './status-line.ts';
import { parseStreamingRequest, type StreamingHead } from './streaming-request.ts';

export interface UpgradeServerOptions {
  nodes: NodeDirectory;
  /** Lets the request in and names the node that it is for. @throws KubeletApiError */
  admit: (request: IncomingMessage, target: RequestTarget) => Promise<string>;
  log: Logger;
  /** How long a runtime may take to answer an upgrade; `replyTimeoutMs` when absent. */
  replyTimeoutMs?: number | undefined;
}

/**
 * Serves exec, attach and port-forward: admits the request, opens a stream to the site, and from
 * then on passes bytes. Nothing reaches the site before the request is admitted, and the bytes are
 * not interpreted.
 */
export class UpgradeServer {
  readonly #options: UpgradeServerOptions;

  constructor(options: UpgradeServerOptions) {
    this.#options = options;
  }

  /** Resolves when the connection is over; never rejects. */
  async serve(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const departure = new Departure(socket);
    let stream: Duplex | undefined;
    try {
      const target = parseTarget(request.url ?? '');
      const nodeName = await this.#options.admit(request, target);
      const streamHead = parseStreamingRequest(request, target, nodeName, this.#options.nodes);
      stream = await this.#open(nodeName, streamHead, departure.signal);
    } catch (error) {
      refuseUpgrade(socket, refusalOf(error, this.#options.log));
      return;
    }
    departure.unwatch();
    if (head.length > 0) socket.unshift(head);
    await relay(socket, stream);
  }

  async #open(nodeName: string, head: StreamingHead, gone: AbortSignal): Promise<Duplex> {
    const stream = await openSiteStream(this.#options.nodes, {
      nodeName,
      head,
      streamClass: isInteractive(head) ? 'interactive' : 'bulk',
      signal: gone,
    });
    const timeout = AbortSignal.timeout(this.#options.replyTimeoutMs ?? replyTimeoutMs);
    try {
      await requireUpgradeResponse(stream, AbortSignal.any([gone, timeout]));
      return stream;
    } catch (error) {
      stream.destroy();
      throw siteFailure(error, nodeName, timeout);
    }
  }
}

/** Notices that a client leaves before it has its answer, without taking what it sent meanwhile. */
class Departure {
  readonly signal: AbortSignal;
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  readonly #onGone = (): void => {
    this.#gone.abort();
  };
  /** Only a read finds the end; one of no bytes leaves the others where they are. */
  readonly #onReadable = (): void => {
    this.#socket.read(0);
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    this.signal = this.#gone.signal;
    socket.on('error', () => undefined);
    socket.on('close', this.#onGone);
    socket.on('end', this.#onGone);
    socket.on('readable', this.#onReadable);
  }

  unwatch(): void {
    this.#socket.off('readable', this.#onReadable);
    this.#socket.off('end', this.#onGone);
    this.#socket.off('close', this.#onGone);
  }
}
