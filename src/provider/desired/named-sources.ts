import type { KubernetesObject, Node, RuntimeClass } from '../../kube/api.ts';
import type { DesiredObject } from '../../protocol/sync.ts';
import type { Informer } from '../kube-client/informer.ts';
import { sentNode, sentRuntimeClass } from './sent-object.ts';
import { WatchSource } from './watch-source.ts';

/** RuntimeClasses by name. */
export function runtimeClassSource(objects: Cache<RuntimeClass>): WatchSource<RuntimeClass> {
  return byName(objects, sentRuntimeClass);
}

/** The Nodes of sites, by name. */
export function nodeSource(objects: Cache<Node>): WatchSource<Node> {
  return byName(objects, sentNode);
}

type Cache<T extends KubernetesObject> = Pick<Informer<T>, 'get' | 'subscribe'>;

/** Objects that belong to no namespace. */
function byName<T extends KubernetesObject>(
  objects: Cache<T>,
  sent: (object: T) => DesiredObject,
): WatchSource<T> {
  return new WatchSource({
    objects,
    make: (_, name) => {
      const found = objects.get(undefined, name);
      return found && sent(found);
    },
  });
}
