import type { Secret } from '../../kube/api.ts';
import { createCa, type CaPairs } from './authority.ts';
import type { KeyPairPem } from './key-pair.ts';
import { PkiError } from './errors.ts';

/** Name of the Secret with the provider's CA, in the provider's namespace. */
export const caSecretName = 'towline-ca';

/** Annotation of the Secret: the last request about the CA that was carried out. */
export const doneAnnotation = 'towline.dev/ca-request-done';

/** The cluster's Secrets, as far as the CA needs them. */
export interface CaSecrets {
  /** `undefined` when there is none. */
  read(name: string, signal?: AbortSignal): Promise<Secret | undefined>;
  /** @returns false when one of this name exists. */
  create(secret: Secret, signal?: AbortSignal): Promise<boolean>;
  /** JSON merge patch. @returns false when the Secret has been changed since it was read. */
  patch(name: string, patch: object, signal?: AbortSignal): Promise<boolean>;
}

/** What the Secret holds. */
export interface StoredCa {
  pairs: CaPairs;
  /** The last request that was carried out. */
  done: string | undefined;
  version: string | undefined;
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
}): Promise<StoredCa> {
  const { secrets, signal } = options;
  const found = await readCa(secrets, signal);
  if (found !== undefined) return found;
  await secrets.create(secretOf(createCa(options)), signal);
  const stored = await readCa(secrets, signal);
  if (stored !== undefined) return stored;
  throw new PkiError(
    'CA_INVALID',
    `Secret ${caSecretName} exists and can't be read: was it deleted just now? Start the provider again`,
  );
}

/** As `loadOrCreateCa`; `undefined` when there is none. */
export async function readCa(
  secrets: Pick<CaSecrets, 'read'>,
  signal?: AbortSignal,
): Promise<StoredCa | undefined> {
  const secret = await secrets.read(caSecretName, signal);
  return secret === undefined ? undefined : storedCa(secret);
}

/**
 * Stores the CAs from now on, and the request that this was.
 * @returns false when somebody else changed the Secret since it was read.
 */
export function storeCa(
  secrets: CaSecrets,
  { pairs, done, version }: StoredCa,
  signal?: AbortSignal,
): Promise<boolean> {
  const { current, next } = pairs;
  const patch = {
    metadata: { resourceVersion: version, annotations: { [doneAnnotation]: done ?? null } },
    data: {
      ...secretOf(current).data,
      'next.crt': next === undefined ? null : base64(next.certificate),
      'next.key': next === undefined ? null : base64(next.privateKey),
    },
  };
  return secrets.patch(caSecretName, patch, signal);
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

function storedCa(secret: Secret): StoredCa {
  const current = keyPairOf(secret, 'tls');
  if (current === undefined) {
    throw new PkiError(
      'CA_INVALID',
      `Secret ${caSecretName} lacks tls.crt or tls.key: restore it, or delete it and join every site again`,
    );
  }
  const next = keyPairOf(secret, 'next');
  const { annotations, resourceVersion } = secret.metadata;
  return {
    pairs: { current, ...(next === undefined ? {} : { next }) },
    done: annotations?.[doneAnnotation],
    version: resourceVersion,
  };
}

function keyPairOf({ data = {} }: Secret, name: 'tls' | 'next'): KeyPairPem | undefined {
  const { [`${name}.crt`]: certificate, [`${name}.key`]: privateKey } = data;
  if (certificate === undefined || privateKey === undefined) return undefined;
  return { certificate: text(certificate), privateKey: text(privateKey) };
}

function base64(value: string): string {
  return Buffer.from(value).toString('base64');
}

function text(value: string): string {
  return Buffer.from(value, 'base64').toString();
}
