import type { Secret } from '../../kube/api.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import type { CaSecrets } from './ca-secret.ts';

/** The Secrets of one namespace of the cluster. */
export class KubeCaSecrets implements CaSecrets {
  readonly #client: KubeClient;
  readonly #namespace: string;

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** @throws KubeApiError */
  async read(name: string, signal?: AbortSignal): Promise<Secret | undefined> {
    const ref = { namespace: this.#namespace, name };
    try {
      return await this.#client.get<Secret>(resources.secrets, ref, signalOf(signal));
    } catch (error) {
      if (isKubeApiError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** @throws KubeApiError */
  async create(secret: Secret, signal?: AbortSignal): Promise<boolean> {
    try {
      const options = { namespace: this.#namespace, ...signalOf(signal) };
      await this.#client.create(resources.secrets, secret, options);
      return true;
    } catch (error) {
      if (isKubeApiError(error, 'ALREADY_EXISTS')) return false;
      throw error;
    }
  }

  /** @throws KubeApiError */
  async patch(name: string, patch: object, signal?: AbortSignal): Promise<boolean> {
    const ref = { namespace: this.#namespace, name };
    try {
      const options = { patchType: 'merge', ...signalOf(signal) } as const;
      await this.#client.patch(resources.secrets, ref, patch, options);
      return true;
    } catch (error) {
      if (isKubeApiError(error, 'CONFLICT')) return false;
      throw error;
    }
  }
}

function signalOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
