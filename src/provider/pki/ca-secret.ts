import type { Secret } from '../../kube/api.ts';
import { createCa, type KeyPairPem } from './authority.ts';
import { PkiError } from './errors.ts';

/** Name of the Secret with the provider's CA, in the provider's namespace. */
export const caSecretName = 'towline-ca';

/** The cluster's Secrets, as far as the CA needs them. */
export interface CaSecrets {
  /** `undefined` when there is none. */
  read(name: string, signal?: AbortSignal): Promise<Secret | undefined>;
  /** @returns false when one of this name exists. */
  create(secret: Secret, signal?: AbortSignal): Promise<boolean>;
}

/**
 * The provider's CA, made and stored on the first call of all. Of two providers that begin at once
 * one stores, and both use what is stored.
 * @throws PkiError `CA_INVALID` when the Secret isn't one with `tls.crt` and `tls.key`.
 */
export async function loadOrCreateCa(options: {
  secrets: CaSecrets;
  trustDomain: string;
  nowMs: number;
  signal?: AbortSignal;
}): Promise<KeyPairPem> {
  const { secrets, signal } = options;
  const stored = await secrets.read(caSecretName, signal);
  if (stored !== undefined) return keyPairOf(stored);
  const made = createCa(options);
  if (await secrets.create(secretOf(made), signal)) return made;
  const others = await secrets.read(caSecretName, signal);
  if (others !== undefined) return keyPairOf(others);
  throw new PkiError(
    'CA_INVALID',
    `Secret ${caSecretName} exists and can't be read: was it deleted just now? Start the provider again`,
  );
}

function secretOf(keyPair: KeyPairPem): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: caSecretName, labels: { 'app.kubernetes.io/part-of': 'towline' } },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(keyPair.certificate), 'tls.key': base64(keyPair.privateKey) },
  };
}

function keyPairOf(secret: Secret): KeyPairPem {
  const certificate = secret.data?.['tls.crt'];
  const privateKey = secret.data?.['tls.key'];
  if (certificate === undefined || privateKey === undefined) {
    throw new PkiError(
      'CA_INVALID',
      `Secret ${caSecretName} lacks tls.crt or tls.key: restore it, or delete it and join every site again`,
    );
  }
  return { certificate: text(certificate), privateKey: text(privateKey) };
}

function base64(value: string): string {
  return Buffer.from(value).toString('base64');
}

function text(value: string): string {
  return Buffer.from(value, 'base64').toString();
}
