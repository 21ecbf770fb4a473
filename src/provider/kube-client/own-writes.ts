import type { KubernetesObject } from '../../kube/api.ts';
import type { Informer } from './informer.ts';

interface Write<T> {
  object: T;
  /** How often the informer had listed when the answer came. */
  lists: number;
}

/**
 * What the API server answered to our own writes, until the informer has caught up with it: else a second
 * write would start from what was before the first. Resource versions are compared as numbers, as the
 * API promises from 1.35 on and has always been true of etcd. A list that came after the answer counts
 * whatever its versions are, for it may be of a store that was restored from a backup.
 */
export class OwnWrites<T extends KubernetesObject> {
  readonly #informer: Pick<Informer<T>, 'get' | 'subscribe' | 'lists'>;
  readonly #writes = new Map<string, Write<T>>();

  constructor(informer: Pick<Informer<T>, 'get' | 'subscribe' | 'lists'>) {
    this.#informer = informer;
    informer.subscribe(({ type, object: { metadata } }) => {
      const key = keyOf(metadata.namespace, metadata.name);
      const write = this.#writes.get(key);
      if (write === undefined) return;
      if (type === 'delete' || !isNewer(write.object.metadata, metadata)) this.#writes.delete(key);
    });
  }

  /** Takes the answer to a write. */
  note(object: T): void {
    const { namespace, name } = object.metadata;
    this.#writes.set(keyOf(namespace, name), { object, lists: this.#informer.lists });
  }

  /** Forgets what was answered of an object, for it is gone. */
  forget(namespace: string | undefined, name: string): void {
    this.#writes.delete(keyOf(namespace, name));
  }

  /** The newest version of an object that is known here. */
  newest(namespace: string | undefined, name: string): T | undefined {
    const seen = this.#informer.get(namespace, name);
    const write = this.#writes.get(keyOf(namespace, name));
    if (write === undefined || write.lists !== this.#informer.lists) return seen;
    if (seen === undefined) return write.object;
    return isNewer(write.object.metadata, seen.metadata) ? write.object : seen;
  }
}

/** Whether a version is a later one of the same object. */
function isNewer(version: KubernetesObject['metadata'], other: typeof version): boolean {
  return (
    version.uid === other.uid && Number(version.resourceVersion) > Number(other.resourceVersion)
  );
}

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}
