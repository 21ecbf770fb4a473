import type { ConfigMap, Pod, Secret } from '../../kube/api.ts';
import { digestOf } from '../../protocol/digest.ts';
import type { DesiredObject, HeldObject, RemovedObject } from '../../protocol/sync.ts';
import type { EdgeStore } from '../store/edge-store.ts';

/** The desired state that the site holds: on disk in the store, and here in memory. */
export class DesiredState {
  readonly #store: EdgeStore;
  readonly #objects = new Map<string, DesiredObject>();

  constructor(store: EdgeStore) {
    this.#store = store;
    for (const object of store.objects()) this.#objects.set(keyOf(object), object);
  }

  /** Commits a delta to the store, then takes it over. Returns what kinds of objects it touched. */
  apply(put: readonly DesiredObject[], remove: readonly RemovedObject[]): Set<string> {
    this.#store.applyDelta(put, remove);
    for (const object of remove) this.#objects.delete(keyOf(object));
    for (const object of put) this.#objects.set(keyOf(object), object);
    return new Set([...put, ...remove].map(({ kind }) => kind));
  }

  held(): HeldObject[] {
    return Array.from(this.#objects.values(), ({ kind, namespace, name, uid, version }) => ({
      ...{ kind, namespace, name, uid, version },
    }));
  }

  digest(): string {
    return digestOf(this.#objects.values());
  }

  pods(): Pod[] {
    return Array.from(this.#objects.values())
      .filter(({ kind }) => kind === 'Pod')
      .map(({ object }) => object as unknown as Pod);
  }

  configMap(namespace: string, name: string): ConfigMap | undefined {
    const found = this.#objects.get(keyOf({ kind: 'ConfigMap', namespace, name }));
    return found?.object;
  }

  secret(namespace: string, name: string): Secret | undefined {
    const found = this.#objects.get(keyOf({ kind: 'Secret', namespace, name }));
    return found?.object;
  }
}

function keyOf({ kind, namespace, name }: RemovedObject): string {
  return `${kind}/${namespace}/${name}`;
}
