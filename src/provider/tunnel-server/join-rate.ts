import { LRUCache } from 'lru-cache';
import type { Clock } from '../../tunnel/clock.ts';
import { TokenBucket } from '../../tunnel/token-bucket.ts';
import {
  joinBurst,
  joinBurstPerSite,
  joinsPerSecond,
  joinsPerSecondPerSite,
  maxRememberedJoiners,
} from './limits.ts';

/**
 * Bounds how often a join is tried: altogether, and for one site from one address. The address
 * counts too, so that nobody keeps a device out by trying wrong tokens for its site.
 */
export class JoinRate {
  readonly #clock: Clock;
  readonly #all: TokenBucket;
  readonly #perSite = new LRUCache<string, TokenBucket>({ max: maxRememberedJoiners });

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#all = new TokenBucket(joinBurst, joinsPerSecond, clock);
  }

  /** Counts one try; false when it is one too many. */
  allows(joiner: { tenant: string; site: string; address: string }): boolean {
    const key = `${joiner.tenant}/${joiner.site} ${joiner.address}`;
    let bucket = this.#perSite.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(joinBurstPerSite, joinsPerSecondPerSite, this.#clock);
      this.#perSite.set(key, bucket);
    }
    return bucket.take() && this.#all.take();
  }
}
