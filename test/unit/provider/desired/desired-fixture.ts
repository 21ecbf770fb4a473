import type { Pod } from '../../../../src/kube/api.ts';
import type {
  Known,
  ObjectHold,
  ObjectSource,
} from '../../../../src/provider/desired/object-source.ts';
import type { Change } from '../../../../src/provider/kube-client/object-cache.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';

/** An informer whose changes come from the test. */
export class CacheFake<T extends { metadata: { namespace?: string; name: string } }> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  /** How often all was listed. */
  lists = 1;

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(`${namespace ?? ''}/${name}`);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(object: T): void {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    const change = { type: 'set' as const, object };
    this.#tell(previous === undefined ? change : { ...change, previous });
  }

  delete(object: T): void {
    this.#objects.delete(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
    this.#tell({ type: 'delete', object });
  }

  #tell(change: Change<T>): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}

/** Has no object at all. */
export const emptySource: ObjectSource = {
  hold: () => ({
    known: { kind: 'absent' },
    refresh: () => Promise.resolve(),
    release: () => undefined,
  }),
};

/** Objects whose look-ups the test answers. */
export class SourceFake implements ObjectSource {
  readonly known = new Map<string, Known>();
  readonly holds = new Set<string>();
  /** How many look-ups were asked for. */
  refreshes = 0;
  readonly #listeners = new Map<string, () => void>();
  readonly #waiting = new Map<string, (() => void)[]>();

  hold(namespace: string, name: string, onChange: () => void): ObjectHold {
    const key = `${namespace}/${name}`;
    const { known } = this;
    this.holds.add(key);
    this.#listeners.set(key, onChange);
    return {
      get known(): Known {
        return known.get(key) ?? { kind: 'unknown' };
      },
      refresh: () =>
        new Promise((resolve) => {
          this.refreshes += 1;
          this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), resolve]);
        }),
      release: () => this.holds.delete(key),
    };
  }

  /** Ends the look-ups of one object. */
  answer(namespace: string, name: string, known: Known): void {
    const key = `${namespace}/${name}`;
    this.known.set(key, known);
    this.#listeners.get(key)?.();
    for (const resolve of this.#waiting.get(key) ?? []) resolve();
    this.#waiting.delete(key);
  }
}

export function podOf(name: string, spec: Partial<Pod['spec']> = {}, uid = `${name}-uid`): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'n', uid, resourceVersion: '1' },
    spec: { nodeName: 'site.tenant', containers: [{ name: 'c', image: 'i' }], ...spec },
  };
}

export function present(kind: DesiredObject['kind'], name: string, version = '1'): Known {
  const object = { metadata: { name } };
  return {
    kind: 'present',
    object: { kind, namespace: 'n', name, uid: `${name}-uid`, version, object },
  };
}

/** Lets everything that is settled take its course. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i += 1) await Promise.resolve();
}
