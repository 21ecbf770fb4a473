import type { ObservedPod } from './observed.ts';

interface Watch {
  containerId: string;
  listener: () => void;
}

/** Tells whoever asked that a container of a pod has ended, such as a log that is being followed. */
export class ContainerEnds {
  readonly #watches = new Set<Watch>();

  /** Calls back once, at once when it has ended already. Returns how to stop it. */
  watch(containerId: string, listener: () => void, observed: ObservedPod): () => void {
    const watch = { containerId, listener };
    this.#watches.add(watch);
    this.observe(observed);
    return () => {
      this.#watches.delete(watch);
    };
  }

  /** Takes what the runtime says now; a container that it doesn't know (any more) has ended. */
  observe({ containers }: ObservedPod): void {
    for (const watch of this.#watches) {
      const found = containers.find(({ id }) => id === watch.containerId);
      if (found === undefined || found.state === 'exited') this.#end(watch);
    }
  }

  endAll(): void {
    for (const watch of this.#watches) this.#end(watch);
  }

  #end(watch: Watch): void {
    this.#watches.delete(watch);
    watch.listener();
  }
}
