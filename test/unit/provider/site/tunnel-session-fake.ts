import { type Duplex, duplexPair } from 'node:stream';
import { FrameReader, writeFrame } from '../../../../src/tunnel/json-frame.ts';
import type { StreamClass } from '../../../../src/tunnel/stream.ts';
import type { InboundStream, TunnelSession } from '../../../../src/provider/site/site-session.ts';

/** Two ends of one stream in memory. */
export function streamPair(): [InboundStream, Duplex] {
  const [end, far] = duplexPair();
  const streamClass: StreamClass = 'interactive';
  return [Object.assign(end, { streamClass }), far];
}

/** A connection that the test ends. */
export class TunnelSessionFake implements TunnelSession {
  readonly closed: Promise<Error>;
  readonly opened: { streamClass: StreamClass; far: Duplex }[] = [];
  closeReason: Error | undefined;
  drained = false;
  readonly #end = Promise.withResolvers<Error>();

  constructor() {
    this.closed = this.#end.promise;
  }

  open(streamClass: StreamClass): Duplex {
    const [near, far] = streamPair();
    this.opened.push({ streamClass, far });
    return near;
  }

  close(reason: Error = new TypeError('closed')): void {
    this.closeReason = reason;
    this.#end.resolve(reason);
  }

  drain(): Promise<unknown> {
    this.drained = true;
    this.close();
    return this.closed;
  }
}

/** A stream that the runner opens, with its head. */
export async function inbound(head: unknown): Promise<[InboundStream, Duplex]> {
  const [near, far] = streamPair();
  await writeFrame(far, head);
  return [near, far];
}

export function firstFrame(stream: Duplex): Promise<unknown> {
  return new FrameReader(stream, 65_536).read();
}
