import type { Service } from '../../kube/api.ts';
import type { Informer } from '../kube-client/informer.ts';
import { maxServiceLinks } from '../limits.ts';
import { allServices, masterService } from './references.ts';
import { sentServiceLinks } from './sent-object.ts';
import { WatchSource } from './watch-source.ts';

/**
 * What environments say of Services: of all that have an address in a namespace, or of
 * `default/kubernetes` alone. Of too many, those are left out that were made last.
 */
export function serviceLinks(
  services: Pick<Informer<Service>, 'get' | 'list' | 'subscribe'>,
): WatchSource<Service> {
  return new WatchSource({
    objects: services,
    concerns: ({ metadata }, namespace, name) =>
      metadata.namespace === namespace && (name === allServices || metadata.name === name),
    make: (namespace, name) => {
      const found =
        name === masterService.name
          ? [services.get(namespace, name)]
          : services.list().filter(({ metadata }) => metadata.namespace === namespace);
      const addressed = found.filter((service) => service !== undefined).filter(hasAddress);
      const kept = addressed.sort(byAge).slice(0, maxServiceLinks);
      return kept.length === 0 ? undefined : sentServiceLinks(namespace, name, kept);
    },
  });
}

function hasAddress({ spec }: Service): boolean {
  return (spec?.clusterIP ?? '') !== '' && spec?.clusterIP !== 'None';
}

function byAge({ metadata: a }: Service, { metadata: b }: Service): number {
  const [left, right] = [a, b].map(({ creationTimestamp = '', name }) => creationTimestamp + name);
  return (left ?? '').localeCompare(right ?? '');
}
