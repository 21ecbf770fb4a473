import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { maxHeadBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import {
  type ProviderStreamHead,
  runnerStreamHead,
  type RunnerStreamHead,
} from '../../protocol/stream-head.ts';
import { TunnelError } from '../../tunnel/errors.ts';
import { FrameReader, writeFrame } from '../../tunnel/json-frame.ts';
import type { StreamClass } from '../../tunnel/stream.ts';
import { streamHeadTimeoutMs } from '../limits.ts';
import type { SitePeer } from './site-peer.ts';

/** A stream that the runner opened; `streamClass` orders what this end sends. */
export interface InboundStream extends Duplex {
  streamClass: StreamClass;
}

/** The tunnel's session, as far as a site needs it. */
export interface TunnelSession {
  readonly closed: Promise<Error>;
  open(streamClass: StreamClass): Duplex;
  close(reason?: TunnelError): void;
  drain(graceMs: number): Promise<unknown>;
}

/** Serves one stream of a runner until it ends; rejects with what was wrong. */
export type StreamServer = (stream: Duplex, head: RunnerStreamHead) => Promise<void>;

export interface SiteSessionOptions {
  nodeName: string;
  /** Who it is; unknown only to tests of other things. */
  peer?: SitePeer | undefined;
  /** Counts the connections that this process took; the highest of a site is the one that counts. */
  epoch: number;
  session: TunnelSession;
  serve: StreamServer;
  log: Logger;
  /** In place of that of limits.ts. */
  headTimeoutMs?: number | undefined;
}

/** One connection of a site. */
export class SiteSession {
  readonly nodeName: string;
  readonly epoch: number;
  readonly peer: SitePeer | undefined;
  /** Resolves when the connection is over, with the reason. */
  readonly closed: Promise<Error>;

  readonly #session: TunnelSession;
  readonly #serve: StreamServer;
  readonly #log: Logger;
  readonly #headTimeoutMs: number;
  /** By type of stream: a second one of a type takes the place of the first. */
  readonly #served = new Map<RunnerStreamHead['type'], Duplex>();

  constructor(options: SiteSessionOptions) {
    this.nodeName = options.nodeName;
    this.epoch = options.epoch;
    this.peer = options.peer;
    this.closed = options.session.closed;
    this.#session = options.session;
    this.#serve = options.serve;
    this.#log = options.log;
    this.#headTimeoutMs = options.headTimeoutMs ?? streamHeadTimeoutMs;
  }

  /** Opens a stream to the runner and sends its head. Throws the tunnel's error when it can't. */
  open(head: ProviderStreamHead, streamClass: StreamClass): Duplex {
    const stream = this.#session.open(streamClass);
    // An error of the stream reaches whoever reads it.
    writeFrame(stream, head).catch(() => undefined);
    return stream;
  }

  /** Serves a stream that the runner opened. */
  accept(stream: InboundStream): void {
    stream.streamClass = 'control';
    this.#acceptStream(stream).catch((error: unknown) => {
      // A stream that ends with its connection is nothing to tell.
      const level = error instanceof TunnelError ? 'debug' : 'warn';
      this.#log[level]({ err: error }, 'stream of the site ended');
      stream.destroy();
    });
  }

  /** Ends this connection for good: the site is not let in any more. `text` tells the device why. */
  dismiss(text: string): void {
    this.#session.close(new TunnelError('DISMISSED', text));
  }

  /** Ends this connection in favour of a newer one. */
  replace(): void {
    const text = `node ${this.nodeName} connected anew: this connection is the older one`;
    this.#session.close(new TunnelError('REPLACED', text));
  }

  /** Asks the runner to go elsewhere; resolves when its streams have ended, or after the grace. */
  async drain(graceMs: number): Promise<void> {
    const drained = this.#session.drain(graceMs);
    for (const stream of this.#served.values()) stream.destroy();
    await drained;
  }

  async #acceptStream(stream: Duplex): Promise<void> {
    const reader = new FrameReader(stream, maxHeadBytes);
    const frame = await reader.read(AbortSignal.timeout(this.#headTimeoutMs));
    reader.release();
    const head = parseMessage(runnerStreamHead, frame);
    this.#served.get(head.type)?.destroy();
    this.#served.set(head.type, stream);
    try {
      await this.#serve(stream, head);
      stream.end();
    } finally {
      if (this.#served.get(head.type) === stream) this.#served.delete(head.type);
    }
  }
}
