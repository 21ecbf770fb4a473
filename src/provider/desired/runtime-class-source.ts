import type { RuntimeClass } from '../../kube/api.ts';
import type { Informer } from '../kube-client/informer.ts';
import { sentRuntimeClass } from './sent-object.ts';
import { WatchSource } from './watch-source.ts';

/** RuntimeClasses by name. */
export function runtimeClassSource(
  runtimeClasses: Pick<Informer<RuntimeClass>, 'get' | 'subscribe'>,
): WatchSource<RuntimeClass> {
  return new WatchSource({
    objects: runtimeClasses,
    concerns: ({ metadata }, _, name) => metadata.name === name,
    make: (_, name) => {
      const found = runtimeClasses.get(undefined, name);
      return found && sentRuntimeClass(found);
    },
  });
}
