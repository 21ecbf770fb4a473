import type { KubernetesObject, PersistentVolume, PersistentVolumeClaim } from '../../kube/api.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { Informer } from '../kube-client/informer.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import type { Known, ObjectHold, ObjectSource } from './object-source.ts';
import { sentVolumeClaim } from './sent-object.ts';
import { isBoundTo } from './sent-volume.ts';
import { WatchSource } from './watch-source.ts';

export interface ClaimSourceOptions {
  claims: Pick<Informer<PersistentVolumeClaim>, 'get' | 'subscribe'>;
  volumes: Pick<Informer<PersistentVolume>, 'get' | 'subscribe'>;
  client: Pick<KubeClient, 'get'>;
}

/**
 * Claims with the volumes that they are bound to, from two watches. The watch of the pods may be
 * ahead of both: `refresh` asks the API server about a claim that isn't bound as far as is known.
 */
export class ClaimSource implements ObjectSource {
  readonly #options: ClaimSourceOptions;
  readonly #watch: WatchSource<KubernetesObject>;
  /** What the API server answered before the watch said it. */
  readonly #early = new Map<string, PersistentVolumeClaim>();

  constructor(options: ClaimSourceOptions) {
    const { claims, volumes } = options;
    this.#options = options;
    claims.subscribe(({ object: { metadata } }) => {
      this.#early.delete(`${metadata.namespace ?? ''}/${metadata.name}`);
    });
    this.#watch = new WatchSource<KubernetesObject>({
      objects: {
        subscribe: (listener) => {
          const stops = [claims.subscribe(listener), volumes.subscribe(listener)];
          return () => {
            for (const stop of stops) stop();
          };
        },
      },
      concerns: (object, namespace, name) => {
        const { metadata } = object;
        if (metadata.namespace !== undefined) {
          return metadata.namespace === namespace && metadata.name === name;
        }
        // Also one that is the claim's no more.
        return this.#claim(namespace, name)?.spec?.volumeName === metadata.name;
      },
      make: (namespace, name) => {
        const claim = this.#claim(namespace, name);
        const volume = volumes.get(undefined, claim?.spec?.volumeName ?? '');
        const isOurs = claim !== undefined && volume !== undefined && isBoundTo(claim, volume);
        return claim && sentVolumeClaim(claim, isOurs ? volume : undefined);
      },
    });
  }

  hold(namespace: string, name: string, onChange: () => void): ObjectHold {
    const hold = this.#watch.hold(namespace, name, onChange);
    return {
      get known(): Known {
        return hold.known;
      },
      refresh: () => this.#readEarly(namespace, name),
      release: () => {
        this.#early.delete(`${namespace}/${name}`);
        hold.release();
      },
    };
  }

  #claim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.#early.get(`${namespace}/${name}`) ?? this.#options.claims.get(namespace, name);
  }

  async #readEarly(namespace: string, name: string): Promise<void> {
    const { claims, client } = this.#options;
    const before = claims.get(namespace, name);
    if (before?.status?.phase === 'Bound') return;
    try {
      const type = resources.persistentVolumeClaims;
      const claim = await client.get<PersistentVolumeClaim>(type, { namespace, name });
      if (claims.get(namespace, name) !== before || !this.#watch.holds(namespace, name)) return;
      this.#early.set(`${namespace}/${name}`, claim);
      this.#watch.renew(namespace, name);
    } catch (error) {
      // The watch will bring it as soon as it can.
      if (!isKubeApiError(error)) throw error;
    }
  }
}
