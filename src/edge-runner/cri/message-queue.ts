/** Hands items from callbacks to one reader, in order; ends once, with or without an error. */
export class MessageQueue<Item> implements AsyncIterable<Item> {
  #items: Item[] = [];
  #end: { error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  get size(): number {
    return this.#items.length;
  }

  /** Returns how many items wait now. */
  push(item: Item): number {
    this.#items.push(item);
    this.#wake?.();
    return this.#items.length;
  }

  /** The reader still gets what waits, then the end, or the error thrown. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#end === undefined) await this.#change();
      else break;
    }
    if (this.#end.error !== undefined) throw this.#end.error;
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#wake = () => {
      resolve(undefined);
    };
    await promise;
    this.#wake = undefined;
  }
}
