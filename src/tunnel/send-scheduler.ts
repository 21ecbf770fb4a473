import { streamClasses, type StreamClass, type TunnelStream } from './stream.ts';

/** Streams that have something to send, by class, each class in turn. */
export class SendScheduler {
  readonly #ready: Record<StreamClass, Set<TunnelStream>> = {
    control: new Set(),
    interactive: new Set(),
    bulk: new Set(),
  };

  add(stream: TunnelStream): void {
    this.remove(stream);
    this.#ready[stream.streamClass].add(stream);
  }

  remove(stream: TunnelStream): void {
    for (const streamClass of streamClasses) this.#ready[streamClass].delete(stream);
  }

  /**
   * The stream whose turn it is, taken out; add it again while it has more. Control comes before
   * interactive before bulk; `mayStart` says whether a class may send at all at this moment.
   */
  next(mayStart: (streamClass: StreamClass) => boolean): TunnelStream | undefined {
    for (const streamClass of streamClasses) {
      const ready = this.#ready[streamClass];
      if (ready.size === 0 || !mayStart(streamClass)) continue;
      for (const stream of ready) {
        ready.delete(stream);
        return stream;
      }
    }
    return undefined;
  }
}
