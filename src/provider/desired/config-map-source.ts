import type { ConfigMap } from '../../kube/api.ts';
import type { DesiredObject } from '../../protocol/sync.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { Informer } from '../kube-client/informer.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import type { Known, ObjectHold, ObjectSource } from './object-source.ts';
import { sentConfigMap } from './sent-object.ts';

export interface ConfigMapSourceOptions {
  configMaps: Pick<Informer<ConfigMap>, 'get' | 'subscribe'>;
  client: Pick<KubeClient, 'get'>;
}

/**
 * ConfigMaps from one watch. The watch of the pods may be ahead of it, so that a ConfigMap made
 * just before its pod isn't there yet: `refresh` asks the API server about one that is missing.
 */
export class ConfigMapSource implements ObjectSource {
  readonly #options: ConfigMapSourceOptions;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** What the API server answered while the watch had nothing yet. */
  readonly #early = new Map<string, ConfigMap>();
  readonly #sent = new WeakMap<ConfigMap, DesiredObject>();

  constructor(options: ConfigMapSourceOptions) {
    this.#options = options;
    options.configMaps.subscribe(({ object: { metadata } }) => {
      const key = `${metadata.namespace ?? ''}/${metadata.name}`;
      this.#early.delete(key);
      for (const listener of [...(this.#listeners.get(key) ?? [])]) listener();
    });
  }

  hold(namespace: string, name: string, onChange: () => void): ObjectHold {
    const release = this.#listen(`${namespace}/${name}`, onChange);
    const known = (): Known => this.#known(namespace, name);
    return {
      get known(): Known {
        return known();
      },
      refresh: async () => {
        if (known().kind === 'present') return;
        if (await this.#readEarly(namespace, name)) onChange();
      },
      release,
    };
  }

  #known(namespace: string, name: string): Known {
    const object =
      this.#options.configMaps.get(namespace, name) ?? this.#early.get(`${namespace}/${name}`);
    return object === undefined
      ? { kind: 'absent' }
      : { kind: 'present', object: this.#of(object) };
  }

  async #readEarly(namespace: string, name: string): Promise<boolean> {
    const key = `${namespace}/${name}`;
    try {
      const ref = { namespace, name };
      const object = await this.#options.client.get<ConfigMap>(resources.configMaps, ref);
      if (!this.#listeners.has(key)) return false;
      if (this.#options.configMaps.get(namespace, name) === undefined) this.#early.set(key, object);
      return true;
    } catch (error) {
      // The watch will bring it as soon as it can.
      if (isKubeApiError(error)) return false;
      throw error;
    }
  }

  #listen(key: string, onChange: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners);
    // Each hold has a listener of its own, also where two pass the same function.
    const listener = (): void => {
      onChange();
    };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#listeners.get(key) !== listeners) return;
      this.#listeners.delete(key);
      this.#early.delete(key);
    };
  }

  #of(configMap: ConfigMap): DesiredObject {
    let sent = this.#sent.get(configMap);
    if (sent === undefined) this.#sent.set(configMap, (sent = sentConfigMap(configMap)));
    return sent;
  }
}
