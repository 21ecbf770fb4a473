import { encodeHeader, frameFlag, frameType, headerBytes } from './frame.ts';
import type { TunnelStream } from './stream.ts';

/** What goes ahead of all data: credit, resets, pings and their answers, go-away. */
export class ControlQueue {
  readonly #maxFrames: number;
  readonly #creditDue = new Set<TunnelStream>();
  #frames: Buffer[] = [];

  constructor(maxFrames: number) {
    this.#maxFrames = maxFrames;
  }

  /** Credit is worked out when it is sent, so that one frame carries all of it. */
  credit(stream: TunnelStream): void {
    this.#creditDue.add(stream);
  }

  forget(stream: TunnelStream): void {
    this.#creditDue.delete(stream);
  }

  reset(streamId: number): boolean {
    return this.#push(encodeHeader(frameType.windowUpdate, frameFlag.rst, streamId, 0));
  }

  ping(id: number): boolean {
    return this.#push(encodeHeader(frameType.ping, frameFlag.syn, 0, id));
  }

  pong(id: number): boolean {
    return this.#push(encodeHeader(frameType.ping, frameFlag.ack, 0, id));
  }

  goAway(code: number): boolean {
    return this.#push(encodeHeader(frameType.goAway, 0, 0, code));
  }

  /** Moves everything to `parts`; gives its size. */
  takeAll(parts: Buffer[], credit: (stream: TunnelStream) => number): number {
    const before = parts.length;
    for (const stream of this.#creditDue) {
      const bytes = credit(stream);
      if (bytes > 0) parts.push(encodeHeader(frameType.windowUpdate, 0, stream.id, bytes));
    }
    this.#creditDue.clear();
    parts.push(...this.#frames);
    this.#frames = [];
    return (parts.length - before) * headerBytes;
  }

  /** False when the peer asks for answers faster than it takes them. */
  #push(frame: Buffer): boolean {
    if (this.#frames.length >= this.#maxFrames) return false;
    this.#frames.push(frame);
    return true;
  }
}
