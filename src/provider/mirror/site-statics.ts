import { staticPodsDigest } from '../../protocol/digest.ts';
import type { StaticPodReport } from '../../protocol/report.ts';
import { TokenBucket } from '../../tunnel/token-bucket.ts';
import {
  mirrorBurst,
  mirrorEventBurst,
  mirrorEventsPerSecond,
  mirrorWritesPerSecond,
} from './limits.ts';

/** What one site has told of its static pods, and what of its allowance is left. */
export class SiteStatics {
  readonly writes: TokenBucket;
  readonly events: TokenBucket;
  /** `namespace/name` of those whose name the API has said to be taken, though nothing is seen of it. */
  readonly taken = new Set<string>();
  readonly #refusals = new Map<string, string>();
  #pods: ReadonlyMap<string, StaticPodReport> = new Map();
  #digest: string | undefined;

  constructor(clock: { now: () => number }) {
    this.writes = new TokenBucket(mirrorBurst, mirrorWritesPerSecond, clock);
    this.events = new TokenBucket(mirrorEventBurst, mirrorEventsPerSecond, clock);
  }

  /** Digest of what it told last; `undefined` as long as it has told nothing. */
  get digest(): string | undefined {
    return this.#digest;
  }

  /** `namespace/name` of all that it told. */
  get keys(): string[] {
    return [...this.#pods.keys()];
  }

  get(namespace: string, name: string): StaticPodReport | undefined {
    return this.#pods.get(`${namespace}/${name}`);
  }

  set(pods: readonly StaticPodReport[]): void {
    this.#pods = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
    this.#digest = staticPodsDigest(pods);
    for (const known of [this.taken, this.#refusals]) {
      for (const key of known.keys()) if (!this.#pods.has(key)) known.delete(key);
    }
  }

  /** Whether this was not the last reason why that one, as `namespace/name`, isn't shown. */
  isNewRefusal(key: string, message: string): boolean {
    const isNew = this.#refusals.get(key) !== message;
    if (this.#pods.has(key)) this.#refusals.set(key, message);
    return isNew;
  }
}
