import { createHash } from 'node:crypto';
import type { HeldObject } from './sync.ts';

/**
 * Digest of a set of held objects: SHA-256, in hex, over the sorted lines
 * `kind/namespace/name/uid/version`. Both ends compute it; equal digests mean equal state.
 */
export function digestOf(objects: Iterable<HeldObject>): string {
  const lines = Array.from(
    objects,
    (o) => `${o.kind}/${o.namespace}/${o.name}/${o.uid}/${o.version}`,
  ).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

/** Digest of a device's static pods: SHA-256, in hex, over their sorted lines `namespace/name/uid`. */
export function staticPodsDigest(
  pods: Iterable<{ namespace: string; name: string; uid: string }>,
): string {
  const lines = Array.from(pods, ({ namespace, name, uid }) => `${namespace}/${name}/${uid}`);
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

/**
 * Version of an object's content: the first 16 hex digits of the SHA-256 of its JSON with sorted
 * keys. Independent of `resourceVersion`, which moves with every status that the site itself sends.
 */
export function objectVersion(object: unknown): string {
  return createHash('sha256').update(canonicalJson(object)).digest('hex').slice(0, 16);
}

/** JSON with sorted keys, and without fields that are undefined. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  let fields = '';
  for (const key of Object.keys(value).sort()) {
    const field = (value as Record<string, unknown>)[key];
    if (field === undefined) continue;
    fields += `${fields === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(field)}`;
  }
  return `{${fields}}`;
}
