import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { KubernetesObject } from '../../kube/api.ts';

/** A change of one object in an informer's cache. */
export type Change<T> = { type: 'set'; object: T; previous?: T } | { type: 'delete'; object: T };

export type ChangeListener<T> = (change: Change<T>) => void;

/**
 * Objects by namespace and name, and who wants to know of changes. A listener that throws is
 * logged; the others and the cache are not concerned.
 */
export class ObjectCache<T extends KubernetesObject> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<ChangeListener<T>>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(`${namespace ?? ''}/${name}`);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  subscribe(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes an object in. The same resource version again is no change (in a list only when all else is
   * the same, too: a store that was restored from a backup gives versions a second time); another uid
   * under the same name is the deletion of the old object, then the new one.
   */
  set(object: T, from: 'list' | 'watch'): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) {
      this.#objects.delete(key);
      this.#tell({ type: 'delete', object: previous });
    } else if (previous !== undefined && sameVersion(previous, object)) {
      if (from === 'watch' || isDeepStrictEqual(previous, object)) return;
    }
    const replaced = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#tell({ type: 'set', object, ...(replaced === undefined ? {} : { previous: replaced }) });
  }

  /** Removes an object; `object` is its last state. */
  delete(object: KubernetesObject): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#objects.delete(key);
    this.#tell({ type: 'delete', object: previous });
  }

  /** Removes what is not among the keys of a complete list. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, object] of [...this.#objects]) {
      if (!keys.has(key)) this.delete(object);
    }
  }

  #tell(change: Change<T>): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        this.#log.error({ err: error, object: keyOf(change.object) }, 'listener failed');
      }
    }
  }
}

/** `namespace/name`; the namespace is empty for a cluster-scoped object. */
export function keyOf(object: KubernetesObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function sameVersion(a: KubernetesObject, b: KubernetesObject): boolean {
  return (
    a.metadata.resourceVersion !== undefined &&
    a.metadata.resourceVersion === b.metadata.resourceVersion
  );
}
