import type { Logger } from 'pino';
import * as v from 'valibot';
import type { Pod, ServiceAccountTokenProjection } from '../../kube/api.ts';
import { RunnerError } from '../errors.ts';
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

export interface ServiceAccountTokenOptions {
  store: EdgeStore;
  request: RequestToken;
  /** What the pod has mounted, from before the store was lost. */
  mounted: (pod: Pod, projection: ServiceAccountTokenProjection) => Promise<string | undefined>;
  /** In ms since 1970. */
  now: () => number;
  log: Pick<Logger, 'warn'>;
}

/**
 * Service-account tokens of the device's pods. A token is renewed at 80 % of its life, as a kubelet
 * does; without the cloud the last one goes on being used, even when it has expired, and where the
 * store has lost it, it is taken from the pod's volume.
 */
export class ServiceAccountTokens implements TokenSource {
  readonly #store: EdgeStore;
  readonly #request: RequestToken;
  readonly #mounted: ServiceAccountTokenOptions['mounted'];
  readonly #now: () => number;
  readonly #log: Pick<Logger, 'warn'>;
  /** Tokens that the store didn't take, by pod and request. */
  readonly #unstored = new Map<string, StoredToken>();
  /** When those of the store were issued and expire, by pod and request, once it was looked; `undefined`: it has none. */
  readonly #dates = new Map<string, TokenDates | undefined>();
  /** Requests under way; the answer to one that is not wanted any more is not kept. */
  readonly #requests = new Set<{ podUid: string; isWanted: boolean }>();

  constructor(options: ServiceAccountTokenOptions) {
    this.#store = options.store;
    this.#request = options.request;
    this.#mounted = options.mounted;
    this.#now = options.now;
    this.#log = options.log;
  }

  async token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<{ token: string }> {
    const uid = pod.metadata.uid ?? '';
    const key = tokenKey(projection);
    const stored = this.#stored(uid, key);
    if (stored !== undefined && this.#isFresh(stored)) return stored;
    const request = { podUid: uid, isWanted: true };
    this.#requests.add(request);
    try {
      const issued = await this.#request(pod, projection);
      if (request.isWanted) this.#keep(uid, key, this.#dated(issued));
      return issued;
    } catch (error) {
      if (stored !== undefined) return stored;
      const token = await this.#mounted(pod, projection);
      if (token === undefined) throw error;
      if (request.isWanted) this.#keep(uid, key, ofUnknownAge(token));
      return { token };
    } finally {
      this.#requests.delete(request);
    }
  }

  #dated({ token, expirationTimestamp }: IssuedToken): StoredToken {
    const issuedAtMs = this.#now();
    const lifetimeMs = lifetimeMsOf(token) ?? Date.parse(expirationTimestamp) - issuedAtMs;
    return { token, issuedAtMs, expiresAtMs: issuedAtMs + lifetimeMs };
  }

  /** A token from the future was issued before the clock was set back: nobody knows how old it is. */
  #isFresh(stored: TokenDates): boolean {
    const nowMs = this.#now();
    return stored.issuedAtMs <= nowMs && nowMs < renewAtMs(stored);
  }

  /** Doubtful tokens are due now. */
  renewAtMs(pod: Pod): number | undefined {
    const times = tokenProjections(pod)
      .map((projection) => this.#datesOf(pod.metadata.uid ?? '', tokenKey(projection)))
      .filter((stored) => stored !== undefined)
      .map((stored) => (this.#isFresh(stored) ? renewAtMs(stored) : this.#now()));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Drops those of a pod that is gone, also those that still come. @throws RunnerError `STORE_FAILED` */
  forget(podUid: string): void {
    for (const request of this.#requests) if (request.podUid === podUid) request.isWanted = false;
    for (const known of [this.#unstored, this.#dates]) {
      for (const name of known.keys()) if (name.startsWith(`${podUid}/`)) known.delete(name);
    }
    this.#store.forgetTokens(podUid);
  }

  #stored(podUid: string, key: string): StoredToken | undefined {
    return this.#unstored.get(`${podUid}/${key}`) ?? this.#store.token(podUid, key);
  }

  /** Asked in every round of a pod: opening what is sealed in the store each time would be dear. */
  #datesOf(podUid: string, key: string): TokenDates | undefined {
    const name = `${podUid}/${key}`;
    if (!this.#dates.has(name)) this.#noteDates(name, this.#stored(podUid, key));
    return this.#dates.get(name);
  }

  #noteDates(name: string, token: StoredToken | undefined): void {
    this.#dates.set(name, token && datesOf(token));
  }

  /** A token is good also where the disk is full: only the next start of the runner lacks it. */
  #keep(podUid: string, key: string, token: StoredToken): void {
    const name = `${podUid}/${key}`;
    this.#noteDates(name, token);
    try {
      this.#store.writeToken(podUid, key, token);
      this.#unstored.delete(name);
    } catch (error) {
      if (!(error instanceof RunnerError) || error.code !== 'STORE_FAILED') throw error;
      this.#unstored.set(name, token);
      this.#log.warn({ err: error }, 'a token is kept in memory alone');
    }
  }
}

type TokenDates = Omit<StoredToken, 'token'>;

function datesOf({ issuedAtMs, expiresAtMs }: StoredToken): TokenDates {
  return { issuedAtMs, expiresAtMs };
}

const claims = v.object({ iat: v.number(), exp: v.number() });

/**
 * How long a token lives by the clock that it was issued by (RFC 7519, section 4.1), whatever this
 * device's says; `undefined` when it isn't a JWT with both times.
 */
function lifetimeMsOf(token: string): number | undefined {
  try {
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
    const { iat, exp } = v.parse(claims, JSON.parse(payload));
    return (exp - iat) * 1000;
  } catch {
    return undefined;
  }
}

/** Nobody knows how much of its life is left: it is due for renewal from the start. */
function ofUnknownAge(token: string): StoredToken {
  return { token, issuedAtMs: 0, expiresAtMs: 0 };
}

function renewAtMs({ issuedAtMs, expiresAtMs }: TokenDates): number {
  return issuedAtMs + (expiresAtMs - issuedAtMs) * 0.8;
}

/** The name of a token in the store, among those of one pod. */
export function tokenKey({
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
