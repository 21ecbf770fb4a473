import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import type { KubernetesObject } from '../../kube/api.ts';
import { isKubeApiError } from './kube-api-error.ts';
import { listPageSize } from './limits.ts';
import { type ObjectRef, type ResourceType, resourcePath } from './resource-type.ts';
import { Transport } from './transport.ts';
import { type WatchEvent, watchEvents, type WatchOptions } from './watch.ts';

interface Selection {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface ListOptions extends Selection {
  signal?: AbortSignal | undefined;
}

export interface List<T> {
  items: T[];
  resourceVersion: string;
}

export interface CreateOptions {
  namespace?: string | undefined;
  /** The object whose `subresource` is posted to, as in `pods/x/eviction`. */
  name?: string | undefined;
  subresource?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface PatchOptions {
  patchType: 'strategic-merge' | 'merge' | 'json' | 'apply';
  subresource?: string | undefined;
  /** Needed for `apply`; `towline` when absent. */
  fieldManager?: string | undefined;
  /** With `apply`: take over fields of other managers. */
  force?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface DeleteOptions {
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground' | undefined;
  signal?: AbortSignal | undefined;
}

export interface ServerVersion {
  major: number;
  minor: number;
  gitVersion: string;
}

interface RawList<T> {
  apiVersion?: string;
  kind?: string;
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[] | null;
}

const patchContentTypes = {
  'strategic-merge': 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
} as const;

/**
 * The API server, with objects as they are in JSON: no field is dropped or converted. Every method
 * throws `KubeApiError`, or the reason of its signal when that aborts. Requests that can be
 * repeated without harm (all but `create` and JSON patches) are tried up to four times when the
 * server is busy (429, 503; its `Retry-After` is honoured) or the connection broke.
 */
export class KubeClient {
  readonly #transport: Transport;

  constructor(options: { config: KubeConfig; log: Logger; userAgent?: string }) {
    this.#transport = new Transport(options.config, options.userAgent ?? 'towline-provider');
    options.log.debug({ server: options.config.getCurrentCluster()?.server }, 'API server');
  }

  get<T>(type: ResourceType, ref: ObjectRef, options: { signal?: AbortSignal } = {}): Promise<T> {
    return this.getPath(resourcePath(type, ref), options);
  }

  /** Gets any path, as for discovery. */
  getPath<T>(path: string, options: { signal?: AbortSignal | undefined } = {}): Promise<T> {
    return this.#transport.json({ method: 'GET', path, idempotent: true, signal: options.signal });
  }

  /**
   * All objects of a selection, page by page. They carry `apiVersion` and `kind`, as the objects of
   * a watch do, so that an object is the same whichever way it came.
   */
  async list<T>(type: ResourceType, options: ListOptions = {}): Promise<List<T>> {
    try {
      return await this.#listPages(type, options, listPageSize);
    } catch (error) {
      // The continue token expired between two pages: all in one piece cannot.
      if (!isKubeApiError(error, 'GONE')) throw error;
      return this.#listPages(type, options, undefined);
    }
  }

  /** Some objects of a selection, at most so many. */
  async sample<T>(
    type: ResourceType,
    { limit, ...options }: ListOptions & { limit: number },
  ): Promise<T[]> {
    const page = await this.#transport.json<RawList<T>>({
      method: 'GET',
      path: resourcePath(type, { namespace: options.namespace }),
      query: {
        limit,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
      },
      idempotent: true,
      signal: options.signal,
    });
    return page.items ?? [];
  }

  /** The version that the server's store has reached: that of a list of one object, as old as the answer. */
  async newestVersion(
    type: ResourceType,
    options: Pick<ListOptions, 'namespace' | 'signal'>,
  ): Promise<string> {
    const list = await this.#transport.json<{ metadata: { resourceVersion: string } }>({
      method: 'GET',
      path: resourcePath(type, { namespace: options.namespace }),
      query: { limit: 1 },
      idempotent: true,
      signal: options.signal,
    });
    return list.metadata.resourceVersion;
  }

  /** Events since a resource version; see `watchEvents`. An informer is what most need instead. */
  async *watch<T>(
    type: ResourceType,
    options: Selection & WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const path = resourcePath(type, { namespace: options.namespace });
    const body = await this.#transport.stream({
      method: 'GET',
      path,
      query: {
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
      },
      idempotent: true,
      signal: options.signal,
    });
    options.onOpen?.();
    yield* watchEvents<T>(`watch ${path}`, body, options);
  }

  /** POST to a collection, or to a subresource of `options.name`. */
  create<T>(type: ResourceType, object: unknown, options: CreateOptions = {}): Promise<T> {
    const namespace = options.namespace ?? namespaceOf(object);
    return this.#transport.json({
      method: 'POST',
      path: resourcePath(type, {
        namespace,
        name: options.name,
        subresource: options.subresource,
      }),
      body: object,
      idempotent: false,
      signal: options.signal,
    });
  }

  replace<T>(
    type: ResourceType,
    ref: ObjectRef,
    object: unknown,
    options: { subresource?: string; signal?: AbortSignal } = {},
  ): Promise<T> {
    return this.#transport.json({
      method: 'PUT',
      path: resourcePath(type, { ...ref, subresource: options.subresource }),
      body: object,
      idempotent: true,
      signal: options.signal,
    });
  }

  patch<T>(type: ResourceType, ref: ObjectRef, patch: unknown, options: PatchOptions): Promise<T> {
    const isApply = options.patchType === 'apply';
    return this.#transport.json({
      method: 'PATCH',
      path: resourcePath(type, { ...ref, subresource: options.subresource }),
      query: {
        fieldManager: options.fieldManager ?? (isApply ? 'towline' : undefined),
        force: options.force,
      },
      body: patch,
      contentType: patchContentTypes[options.patchType],
      idempotent: options.patchType !== 'json',
      signal: options.signal,
    });
  }

  /** Deletes one object. `uid` and `resourceVersion` are preconditions: `CONFLICT` without them met. */
  async delete(type: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy } = options;
    const preconditions = { uid, resourceVersion };
    const hasPreconditions = uid !== undefined || resourceVersion !== undefined;
    await this.#transport.json({
      method: 'DELETE',
      path: resourcePath(type, ref),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(hasPreconditions ? { preconditions } : {}),
        gracePeriodSeconds,
        propagationPolicy,
      },
      idempotent: true,
      signal: options.signal,
    });
  }

  async serverVersion(options: { signal?: AbortSignal } = {}): Promise<ServerVersion> {
    const version = await this.getPath<{ major: string; minor: string; gitVersion: string }>(
      '/version',
      options,
    );
    // Some providers write "20+".
    return {
      major: Number.parseInt(version.major, 10),
      minor: Number.parseInt(version.minor, 10),
      gitVersion: version.gitVersion,
    };
  }

  /** Breaks every connection; what is under way fails with `UNREACHABLE`. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  async #listPages<T>(
    type: ResourceType,
    options: ListOptions,
    limit: number | undefined,
  ): Promise<List<T>> {
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page: RawList<T> = await this.#transport.json({
        method: 'GET',
        path: resourcePath(type, { namespace: options.namespace }),
        query: {
          limit,
          continue: next,
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
        },
        idempotent: true,
        signal: options.signal,
      });
      for (const item of page.items ?? []) items.push(withType(item, page));
      next = page.metadata?.continue;
      if (!next) return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
    }
  }
}

function namespaceOf(object: unknown): string | undefined {
  return (object as Partial<KubernetesObject> | null)?.metadata?.namespace;
}

function withType<T>(item: T, list: RawList<T>): T {
  if (typeof item !== 'object' || item === null || !list.kind?.endsWith('List')) return item;
  return { apiVersion: list.apiVersion, kind: list.kind.slice(0, -'List'.length), ...item };
}
