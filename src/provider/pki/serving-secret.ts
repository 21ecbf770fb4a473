import type { Secret } from '../../kube/api.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import type { KeyPairPem } from './key-pair.ts';

/** Name of the Secret with the serving certificate that the cluster issued, in the provider's namespace. */
export const servingSecretName = 'towline-kubelet-serving';

/** Keeps a serving certificate over restarts of the provider. */
export class ServingSecret {
  readonly #client: Pick<KubeClient, 'get' | 'create' | 'patch'>;
  readonly #ref: { namespace: string; name: string };

  constructor(client: Pick<KubeClient, 'get' | 'create' | 'patch'>, namespace: string) {
    this.#client = client;
    this.#ref = { namespace, name: servingSecretName };
  }

  /** `undefined` when there is none, or none that is whole. @throws KubeApiError */
  async read(): Promise<KeyPairPem | undefined> {
    try {
      const { data = {} } = await this.#client.get<Secret>(resources.secrets, this.#ref);
      const { 'tls.crt': certificate, 'tls.key': privateKey } = data;
      if (certificate === undefined || privateKey === undefined) return undefined;
      return { certificate: decoded(certificate), privateKey: decoded(privateKey) };
    } catch (error) {
      if (isKubeApiError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** @throws KubeApiError */
  async write(pair: KeyPairPem, signal: AbortSignal): Promise<void> {
    const data = { 'tls.crt': encoded(pair.certificate), 'tls.key': encoded(pair.privateKey) };
    const { namespace, name } = this.#ref;
    const labels = { 'app.kubernetes.io/part-of': 'towline' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name, labels } };
    try {
      const whole = { ...secret, type: 'kubernetes.io/tls', data };
      await this.#client.create(resources.secrets, whole, { namespace, signal });
    } catch (error) {
      if (!isKubeApiError(error, 'ALREADY_EXISTS')) throw error;
      const options = { patchType: 'merge', signal } as const;
      await this.#client.patch(resources.secrets, this.#ref, { data }, options);
    }
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
