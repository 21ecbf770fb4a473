import { LRUCache } from 'lru-cache';
import { makePatch } from '../../protocol/object-patch.ts';
import type { DesiredObject, HeldObject, PatchedObject } from '../../protocol/sync.ts';
import { maxPastPatchBytes, maxPastVersionBytes, minPatchedBytes } from '../limits.ts';
import { objectKey } from './plan-delta.ts';

/**
 * ConfigMaps as sites have held them, so that a change costs what has changed. A memory for speed
 * alone: what isn't in it is sent whole. Secrets stay out, for none is kept that nobody uses.
 */
export class PastVersions {
  readonly #objects = new LRUCache<string, DesiredObject>({
    maxSize: maxPastVersionBytes,
    sizeCalculation: sizeOf,
  });
  /** By what they lead from and to: many sites need the same one. */
  readonly #patches = new LRUCache<string, string>({
    maxSize: maxPastPatchBytes,
    sizeCalculation: ({ length }) => length,
  });

  /** Takes an object that a site holds, or is about to. */
  remember(object: DesiredObject): void {
    if (object.kind !== 'ConfigMap') return;
    const key = versionKey(object);
    if (this.#objects.get(key) === undefined && sizeOf(object) >= minPatchedBytes) {
      this.#objects.set(key, object);
    }
  }

  /** The patch from what a site holds to `object`; `undefined` where it isn't worth it or can't be made. */
  patch(held: HeldObject, object: DesiredObject): PatchedObject | undefined {
    const before = this.#objects.get(versionKey(held));
    if (before === undefined || held.uid !== object.uid) return undefined;
    const key = `${versionKey(held)}>${object.version}`;
    let patch = this.#patches.get(key);
    if (patch === undefined) {
      patch = makePatch(before.object, object.object);
      this.#patches.set(key, patch);
    }
    if (patch.length > sizeOf(object) / 2) return undefined;
    const { kind, namespace, name, uid, version } = object;
    return { kind, namespace, name, uid, version, from: held.version, patch };
  }
}

function versionKey(object: HeldObject): string {
  return `${objectKey(object)}/${object.uid}/${object.version}`;
}

function sizeOf({ object }: DesiredObject): number {
  const { data, binaryData } = object as Record<string, Record<string, string> | undefined>;
  const texts = [data, binaryData].flatMap((part) => Object.entries(part ?? {}).flat());
  return 1 + texts.reduce((sum, text) => sum + text.length, 0);
}
