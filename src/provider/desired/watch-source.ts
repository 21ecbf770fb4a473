import type { DesiredObject } from '../../protocol/sync.ts';
import type { Informer } from '../kube-client/informer.ts';
import type { KubernetesObject } from '../../kube/api.ts';
import type { Known, ObjectHold, ObjectSource } from './object-source.ts';

export interface WatchSourceOptions<T extends KubernetesObject> {
  objects: Pick<Informer<T>, 'subscribe'>;
  /** Whether an object is a part of what goes by that name; left out: only of its own. */
  concerns?: (object: T, namespace: string, name: string) => boolean;
  /** What a site gets under that name now. */
  make: (namespace: string, name: string) => DesiredObject | undefined;
}

interface Entry {
  namespace: string;
  name: string;
  known: Known;
  listeners: Set<() => void>;
}

/** What is made of the objects of one watch. All of it is known from the beginning. */
export class WatchSource<T extends KubernetesObject> implements ObjectSource {
  readonly #options: WatchSourceOptions<T>;
  readonly #entries = new Map<string, Entry>();

  constructor(options: WatchSourceOptions<T>) {
    this.#options = options;
    options.objects.subscribe(({ object }) => {
      const { concerns } = options;
      const { namespace = '', name } = object.metadata;
      if (concerns === undefined) this.renew(namespace, name);
      else {
        for (const entry of this.#entries.values()) {
          if (concerns(object, entry.namespace, entry.name)) this.#renew(entry);
        }
      }
    });
  }

  hold(namespace: string, name: string, onChange: () => void): ObjectHold {
    const key = `${namespace}/${name}`;
    const entry = this.#entries.get(key) ?? this.#newEntry(namespace, name);
    this.#entries.set(key, entry);
    // Each hold has a listener of its own, also where two pass the same function.
    const listener = (): void => {
      onChange();
    };
    entry.listeners.add(listener);
    return {
      get known(): Known {
        return entry.known;
      },
      refresh: () => Promise.resolve(),
      release: () => {
        entry.listeners.delete(listener);
        if (entry.listeners.size === 0) this.#entries.delete(key);
      },
    };
  }

  /** Whether anybody holds what goes by that name. */
  holds(namespace: string, name: string): boolean {
    return this.#entries.has(`${namespace}/${name}`);
  }

  /** What goes by that name may have changed without a word from the watch. */
  renew(namespace: string, name: string): void {
    const entry = this.#entries.get(`${namespace}/${name}`);
    if (entry !== undefined) this.#renew(entry);
  }

  #newEntry(namespace: string, name: string): Entry {
    return { namespace, name, known: this.#make(namespace, name), listeners: new Set() };
  }

  #renew(entry: Entry): void {
    const before = versionOf(entry.known);
    entry.known = this.#make(entry.namespace, entry.name);
    if (versionOf(entry.known) === before) return;
    for (const listener of [...entry.listeners]) listener();
  }

  #make(namespace: string, name: string): Known {
    const object = this.#options.make(namespace, name);
    return object === undefined ? { kind: 'absent' } : { kind: 'present', object };
  }
}

function versionOf(known: Known): string | undefined {
  return known.kind === 'present' ? `${known.object.uid}/${known.object.version}` : undefined;
}
