import { createHash } from 'node:crypto';
import type { Secret } from '../../kube/api.ts';

/** What a registry wants to know of whoever pulls. */
export interface RegistryCredentials {
  username: string;
  password: string;
  identityToken: string;
}

/** Credentials, and the Secret that they are from. */
export interface ImageCredentials {
  auth: RegistryCredentials;
  secret: SecretIdentity;
}

/** `digest` is of the credentials, so that they are known again and not kept. */
export interface SecretIdentity {
  uid: string;
  namespace: string;
  name: string;
  digest: string;
}

/**
 * Credentials for an image's registry out of image pull secrets
 * (`kubernetes.io/dockerconfigjson` and the older `kubernetes.io/dockercfg`), most specific
 * registry entry first. A secret that can't be read is passed over, as a kubelet does.
 */
export function imageCredentials(image: string, secrets: readonly Secret[]): ImageCredentials[] {
  const target = imagePath(image);
  return secrets
    .flatMap((secret) => registryEntries(secret).map((entry) => ({ ...entry, secret })))
    .filter(({ registry }) => isFor(registry, target))
    .sort((a, b) => b.registry.length - a.registry.length)
    .map(({ auth, secret }) => ({ auth, secret: identityOf(secret, auth) }));
}

function identityOf({ metadata }: Secret, auth: RegistryCredentials): SecretIdentity {
  const { uid = '', namespace = '', name } = metadata;
  const parts = JSON.stringify([auth.username, auth.password, auth.identityToken]);
  return { uid, namespace, name, digest: createHash('sha256').update(parts).digest('hex') };
}

/** Registry and repository of an image reference, with Docker Hub's name where none is given. */
export function imagePath(image: string): string {
  const repository = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const [first = '', ...rest] = repository.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return hasHost ? repository : `docker.io/${repository}`;
}

/** Kubelet: a registry's host may have `*` for any part between dots; its path is a prefix. */
function isFor(registry: string, target: string): boolean {
  const [host = '', ...path] = registry.split('/');
  const [targetHost = '', ...targetPath] = target.split('/');
  const parts = host.split('.');
  const targetParts = targetHost.split('.');
  return (
    parts.length === targetParts.length &&
    parts.every((part, index) => part === '*' || part === targetParts[index]) &&
    path.every((part, index) => part === targetPath[index])
  );
}

interface RegistryEntry {
  registry: string;
  auth: RegistryCredentials;
}

function registryEntries(secret: Secret): RegistryEntry[] {
  const config = decodeJson(secret.data?.['.dockerconfigjson']);
  const auths = isRecord(config) ? config['auths'] : decodeJson(secret.data?.['.dockercfg']);
  if (!isRecord(auths)) return [];
  return Object.entries(auths).flatMap(([registry, entry]) => {
    const auth = credentialsOf(entry);
    return auth === undefined ? [] : [{ registry: registryName(registry), auth }];
  });
}

function credentialsOf(entry: unknown): RegistryCredentials | undefined {
  if (!isRecord(entry)) return undefined;
  const identityToken = text(entry['identitytoken']);
  const [user = '', ...password] = Buffer.from(text(entry['auth']), 'base64').toString().split(':');
  const username = text(entry['username']) || user;
  if (username === '' && identityToken === '') return undefined;
  return { username, password: text(entry['password']) || password.join(':'), identityToken };
}

/** `https://index.docker.io/v1/` and its like name the same registry as `docker.io`. */
function registryName(key: string): string {
  const name = key.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, '');
  return name === 'index.docker.io' ? 'docker.io' : name;
}

function decodeJson(base64: string | undefined): unknown {
  if (base64 === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString());
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
