import type { Pod, ServiceAccountTokenProjection } from '../../kube/api.ts';
import type { EdgeStore, StoredToken } from '../store/edge-store.ts';
import type { TokenSource } from './pod-context.ts';

export interface IssuedToken {
  token: string;
  expirationTimestamp: string;
}

/** Asks the cloud for a token. Rejects when there is no link, or when the cloud refuses. */
export type RequestToken = (
  pod: Pod,
  projection: ServiceAccountTokenProjection,
) => Promise<IssuedToken>;

/**
 * Service-account tokens of the device's pods. A token is renewed at 80 % of its life, as a kubelet
 * does; without the cloud the last one goes on being used, even when it has expired.
 */
export class ServiceAccountTokens implements TokenSource {
  readonly #store: EdgeStore;
  readonly #request: RequestToken;
  readonly #now: () => number;

  constructor(options: { store: EdgeStore; request: RequestToken; now: () => number }) {
    this.#store = options.store;
    this.#request = options.request;
    this.#now = options.now;
  }

  async token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<{ token: string }> {
    const uid = pod.metadata.uid ?? '';
    const key = requestKey(projection);
    const stored = this.#store.token(uid, key);
    if (stored !== undefined && renewAtMs(stored) > this.#now()) return stored;
    try {
      const issued = await this.#request(pod, projection);
      const expiresAtMs = Date.parse(issued.expirationTimestamp);
      this.#store.writeToken(uid, key, {
        token: issued.token,
        issuedAtMs: this.#now(),
        expiresAtMs,
      });
      return issued;
    } catch (error) {
      if (stored !== undefined) return stored;
      throw error;
    }
  }

  renewAtMs(pod: Pod): number | undefined {
    const times = tokenProjections(pod)
      .map((projection) => this.#store.token(pod.metadata.uid ?? '', requestKey(projection)))
      .filter((stored) => stored !== undefined)
      .map(renewAtMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }
}

function renewAtMs({ issuedAtMs, expiresAtMs }: StoredToken): number {
  return issuedAtMs + (expiresAtMs - issuedAtMs) * 0.8;
}

function requestKey({
  audience = '',
  expirationSeconds = 3600,
}: ServiceAccountTokenProjection): string {
  return JSON.stringify([audience, expirationSeconds]);
}

function tokenProjections(pod: Pod): ServiceAccountTokenProjection[] {
  return (pod.spec.volumes ?? [])
    .flatMap((volume) => volume.projected?.sources ?? [])
    .map((source) => source.serviceAccountToken)
    .filter((projection) => projection !== undefined);
}
