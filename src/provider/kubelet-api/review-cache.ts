import { LRUCache } from 'lru-cache';
import { maxCachedReviews } from './limits.ts';

/**
 * Outcomes of reviews, each for its own time. One review runs per key, whoever asks; a review that
 * fails is not kept.
 */
export class ReviewCache<V extends object> {
  readonly #lifetimeMs: (value: V) => number;
  readonly #now: () => number;
  readonly #values: LRUCache<string, V>;
  readonly #running = new Map<string, Promise<V>>();

  constructor(options: { lifetimeMs: (value: V) => number; now?: () => number }) {
    this.#lifetimeMs = options.lifetimeMs;
    this.#now = options.now ?? ((): number => performance.now());
    this.#values = new LRUCache({
      max: maxCachedReviews,
      ttlResolution: 0,
      perf: { now: this.#now },
    });
  }

  async get(key: string, review: () => Promise<V>): Promise<V> {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const running = this.#running.get(key) ?? this.#run(key, review);
    return running;
  }

  #run(key: string, review: () => Promise<V>): Promise<V> {
    const running = review()
      .then((value) => {
        this.#values.set(key, value, { ttl: this.#lifetimeMs(value) });
        return value;
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }
}
