import type { Logger } from 'pino';
import type { KubernetesObject } from '../../kube/api.ts';
import { fullJitterMs, pause } from './back-off.ts';
import { isKubeApiError } from './kube-api-error.ts';
import type { KubeClient } from './kube-client.ts';
import {
  bookmarkSilenceMs,
  informerBackOff,
  maxWatchFailures,
  minWatchMs,
  unreachableBackOff,
  watchTimeoutSeconds,
} from './limits.ts';
import { type ChangeListener, keyOf, ObjectCache } from './object-cache.ts';
import type { ResourceType } from './resource-type.ts';
import type { WatchEvent } from './watch.ts';

export interface InformerOptions<T> {
  client: KubeClient;
  type: ResourceType;
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  log: Logger;
  /** Applied to every object before it is kept, as to drop what nobody reads; throws to reject it. */
  transform?: (object: T) => T;
  /** Told of every object that was rejected: malformed, or refused by `transform`. */
  onRejected?: (object: unknown, error: Error) => void;
  timing?: Partial<InformerTiming>;
}

export interface InformerTiming {
  backOff: { baseMs: number; capMs: number };
  /** While nobody answers at all. */
  unreachableBackOff: { baseMs: number; capMs: number };
  /** Longest silence of a watch that has brought a bookmark. */
  bookmarkSilenceMs: number;
  watchTimeoutSeconds: { min: number; max: number };
  /** A watch that ends sooner counts as failed. */
  minWatchMs: number;
}

const defaultTiming: InformerTiming = {
  backOff: informerBackOff,
  unreachableBackOff,
  bookmarkSilenceMs,
  watchTimeoutSeconds,
  minWatchMs,
};

/** What is wrong with an object that an informer rejects by itself. */
class MalformedObjectError extends Error {
  readonly code = 'MALFORMED_OBJECT';
}

/**
 * A cache of one kind of objects that follows the API server: a list, then a watch, for as long as
 * it runs. Nothing ends it but its signal: a broken or silent watch is resumed where it was, with
 * back-off; when the server has forgotten that place, the objects are listed again, and listeners
 * are told the difference. So they are when the server was away, or its store has gone back: it may
 * have been restored from a backup meanwhile, and a watch that begins at a version which that store
 * has yet to reach would say nothing, and no error, until it has. An object that is malformed is logged and left out (the version before
 * it stays), and harms no other.
 */
export class Informer<T extends KubernetesObject> {
  /** Resolves with the first complete list. Rejects when the informer is stopped before it. */
  readonly synced: Promise<void>;

  readonly #options: InformerOptions<T>;
  readonly #timing: InformerTiming;
  readonly #log: Logger;
  readonly #cache: ObjectCache<T>;
  readonly #syncedResolvers = Promise.withResolvers<undefined>();
  #resourceVersion: string | undefined;
  #lists = 0;
  /** The server has taken the watch that was asked for last. */
  #isOpen = false;
  /** In a row, of one kind: nobody answers, or somebody does and says no. */
  #failures = 0;
  #unreachable = false;
  #lastHeardAt = performance.now();

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
    this.#log = options.log.child({ informer: options.type.plural });
    this.#cache = new ObjectCache(this.#log);
    this.synced = this.#syncedResolvers.promise;
    // Nobody need wait for it.
    this.synced.catch(() => undefined);
  }

  /** Resolves when the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#isOpen = false;
        const place = await this.#place(signal);
        this.#resourceVersion = place;
        await this.#watch(place, signal);
      } catch (error) {
        if (!isAborted(signal)) await this.#recover(error, signal);
      }
    }
    this.#syncedResolvers.reject(signal.reason);
  }

  /** The object as it was last seen. Don't change it: it is shared. */
  get(namespace: string | undefined, name: string): T | undefined {
    return this.#cache.get(namespace, name);
  }

  /** All objects as they were last seen. Don't change them: they are shared. */
  list(): T[] {
    return this.#cache.list();
  }

  /**
   * Calls the listener with every change from now on; returns what ends that. The objects that are
   * already there are not told again: read `list()` in the same turn.
   */
  subscribe(listener: ChangeListener<T>): () => void {
    return this.#cache.subscribe(listener);
  }

  /** How often all objects were listed; what was known of versions before the last list says nothing now. */
  get lists(): number {
    return this.#lists;
  }

  /** Milliseconds since the last word from the server: an event, a bookmark or a list. */
  get ageMs(): number {
    return performance.now() - this.#lastHeardAt;
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, type, namespace, labelSelector, fieldSelector } = this.#options;
    const selection = { namespace, labelSelector, fieldSelector, signal };
    const { items, resourceVersion } = await client.list<T>(type, selection);
    this.#heard();
    this.#lists += 1;
    const keys = new Set<string>();
    for (const item of items) {
      this.#set(item, 'list');
      if (isObject(item)) keys.add(keyOf(item));
    }
    this.#cache.keepOnly(keys);
    this.#syncedResolvers.resolve(undefined);
    return resourceVersion;
  }

  /** Where a watch can begin. */
  async #place(signal: AbortSignal): Promise<string> {
    const place = this.#resourceVersion;
    if (place === undefined || (await this.#isAheadOfServer(place, signal))) {
      return this.#list(signal);
    }
    return place;
  }

  /** Versions of one store are in the order of time (KEP-5504); one that goes back was restored from a backup. */
  async #isAheadOfServer(place: string, signal: AbortSignal): Promise<boolean> {
    const { client, type, namespace } = this.#options;
    const newest = await client.newestVersion(type, { namespace, signal });
    const isBehind = /^\d+$/.test(newest) && /^\d+$/.test(place) && BigInt(newest) < BigInt(place);
    if (isBehind) this.#log.warn({ place, newest }, 'the API server has gone back in time');
    return isBehind;
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, type, namespace, labelSelector, fieldSelector } = this.#options;
    const startedAt = performance.now();
    const events = client.watch<T>(type, {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds: randomBetween(this.#timing.watchTimeoutSeconds),
      bookmarkSilenceMs: this.#timing.bookmarkSilenceMs,
      onOpen: () => {
        this.#isOpen = true;
      },
      signal,
    });
    let heard = false;
    for await (const event of events) {
      heard = true;
      this.#heard();
      this.#apply(event);
    }
    if (heard || performance.now() - startedAt >= this.#timing.minWatchMs) return;
    await this.#recover(undefined, signal);
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'DELETED' && isObject(event.object)) this.#cache.delete(event.object);
    if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#set(event.object);
    const { resourceVersion } = (event.object as Partial<T> | null)?.metadata ?? {};
    if (typeof resourceVersion === 'string') this.#resourceVersion = resourceVersion;
  }

  #set(object: T, from: 'list' | 'watch' = 'watch'): void {
    try {
      if (!isObject(object)) throw new MalformedObjectError('it has no metadata.name');
      if (this.#options.type.namespaced && typeof object.metadata.namespace !== 'string') {
        throw new MalformedObjectError('it has no metadata.namespace');
      }
      this.#cache.set(this.#options.transform?.(object) ?? object, from);
    } catch (error) {
      this.#reject(
        object,
        error instanceof Error ? error : new MalformedObjectError(String(error)),
      );
    }
  }

  #reject(object: unknown, error: Error): void {
    const key = isObject(object) ? keyOf(object) : undefined;
    this.#log.warn({ err: error, object: key }, 'object rejected');
    try {
      this.#options.onRejected?.(object, error);
    } catch (failure) {
      this.#log.error({ err: failure }, 'listener failed');
    }
  }

  /** Waits before the next try, and forgets the place in the watch when it is of no use any more. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const unreachable = isKubeApiError(error, 'UNREACHABLE');
    // A server that answers again is not one that has refused as often as nobody was there.
    this.#failures = unreachable === this.#unreachable ? this.#failures + 1 : 1;
    this.#unreachable = unreachable;
    const expired = isKubeApiError(error, 'GONE');
    if (expired || this.#isPlaceDoubtful(error)) this.#resourceVersion = undefined;
    const { backOff, unreachableBackOff } = this.#timing;
    const bounds = unreachable ? unreachableBackOff : backOff;
    const waitMs = Math.round(fullJitterMs(this.#failures, bounds));
    const level = expired || error === undefined ? 'info' : 'warn';
    this.#log[level]({ err: error, waitMs, failures: this.#failures }, 'watch interrupted');
    await pause(waitMs, signal);
  }

  /** A server that is merely busy gets no list on top. */
  #isPlaceDoubtful(error: unknown): boolean {
    if (this.#failures >= maxWatchFailures) return true;
    return error !== undefined && !this.#isOpen && !isKubeApiError(error, 'TOO_MANY_REQUESTS');
  }

  #heard(): void {
    this.#lastHeardAt = performance.now();
    this.#failures = 0;
  }
}

function isObject(value: unknown): value is KubernetesObject {
  const metadata = (value as Partial<KubernetesObject> | null)?.metadata;
  return typeof metadata?.name === 'string' && metadata.name !== '';
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function randomBetween({ min, max }: { min: number; max: number }): number {
  return Math.round(min + Math.random() * (max - min));
}
