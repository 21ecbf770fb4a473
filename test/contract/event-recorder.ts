import type { ContainerdEvent } from '../../src/edge-runner/containerd/containerd-event.ts';

/** Reads events in the background and waits for those that a test expects. */
export class EventRecorder {
  readonly seen: ContainerdEvent[] = [];
  /** Rejects as the stream does. */
  readonly ended: Promise<void>;
  #wake: (() => void) | undefined;

  constructor(events: AsyncIterable<ContainerdEvent>) {
    this.ended = this.#record(events);
    // Whoever waits for the end gets the error; without that it must not be unhandled.
    this.ended.catch(() => this.#wake?.());
  }

  /** The first event that fits, seen already or still to come; rejects when the stream ends first. */
  async first(fits: (event: ContainerdEvent) => boolean): Promise<ContainerdEvent> {
    for (;;) {
      const found = this.seen.find(fits);
      if (found !== undefined) return found;
      const change = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([
        change,
        this.ended.then(() => Promise.reject(new Error('stream ended'))),
      ]);
    }
  }

  async #record(events: AsyncIterable<ContainerdEvent>): Promise<void> {
    for await (const event of events) {
      this.seen.push(event);
      this.#wake?.();
    }
  }
}
