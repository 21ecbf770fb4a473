import * as v from 'valibot';
import { maxEndingPods, maxNameLength } from './limits.ts';

/**
 * The sync stream brings a site the desired state.
 *
 * ```text
 * runner → provider   state {digest, ending}
 * provider → runner   in-sync                        when the digests agree
 *                     list                           when they don't
 * runner → provider   held {objects}
 * provider → runner   delta {put, remove, digest}    first, and on every later change
 * runner → provider   ack {digest, ending}           after the delta is on disk
 * runner → provider   ending {pods}                  whenever that has changed
 * ```
 */

/** Kinds that a runner takes that doesn't say which: those from before runners said it. Never changed. */
export const firstKinds = [
  'Pod',
  'ConfigMap',
  'Secret',
  'ServiceLinks',
  'RuntimeClass',
  'Node',
] as const;

/**
 * Kinds of objects that a site can hold. The provider makes some: `ServiceLinks` of Services, a
 * `VolumeClaim` of a PersistentVolumeClaim and the volume that it is bound to, `TrustAnchors` of
 * ClusterTrustBundles. A new kind is sent
 * only to runners that name it in their head.
 */
export const desiredKinds = [...firstKinds, 'VolumeClaim', 'TrustAnchors'] as const;
export type DesiredKind = (typeof desiredKinds)[number];

/** Any kind: what one end doesn't know it leaves as it is, and the rest goes on. */
const kind = v.pipe(v.string(), v.regex(/^[A-Z][A-Za-z0-9]{0,62}$/));

const identity = {
  kind,
  namespace: v.string(),
  name: v.string(),
};

/** An object and the hash of the part of it that a site gets (see `objectVersion`). */
export const heldObject = v.object({ ...identity, uid: v.string(), version: v.string() });
export type HeldObject = v.InferOutput<typeof heldObject>;

export const desiredObject = v.object({
  ...identity,
  uid: v.string(),
  version: v.string(),
  object: v.looseObject({ metadata: v.looseObject({ name: v.string() }) }),
});
export type DesiredObject = v.InferOutput<typeof desiredObject>;

/** An object as a change of the version that the site holds (see `makePatch`). */
export const patchedObject = v.object({
  ...identity,
  uid: v.string(),
  version: v.string(),
  from: v.string(),
  patch: v.string(),
});
export type PatchedObject = v.InferOutput<typeof patchedObject>;

export const removedObject = v.object(identity);
export type RemovedObject = v.InferOutput<typeof removedObject>;

/** Uids of pods that the site doesn't hold and of which something is left on its device. */
const endingPods = v.pipe(
  v.array(v.pipe(v.string(), v.maxLength(maxNameLength))),
  v.maxLength(maxEndingPods),
);

/** Absent while the site can't tell, and of runners from before they told. */
const ending = v.optional(endingPods);

export const syncFromRunner = v.variant('type', [
  v.object({ type: v.literal('state'), digest: v.string(), ending }),
  v.object({ type: v.literal('held'), objects: v.array(heldObject) }),
  v.object({ type: v.literal('ack'), digest: v.string(), ending }),
  /** Only to a provider that said that it takes it, and not before the first delta or `in-sync`. */
  v.object({ type: v.literal('ending'), pods: endingPods }),
]);
export type SyncFromRunner = v.InferOutput<typeof syncFromRunner>;

export const syncFromProvider = v.variant('type', [
  /** `ending`: it takes messages of this type. */
  v.object({ type: v.literal('in-sync'), ending: v.optional(v.boolean()) }),
  v.object({ type: v.literal('list'), ending: v.optional(v.boolean()) }),
  v.object({
    type: v.literal('delta'),
    put: v.array(desiredObject),
    /** Only to a runner whose head said that it takes it. */
    patch: v.optional(v.array(patchedObject)),
    remove: v.array(removedObject),
    /** More messages of the same delta follow; only the last is committed and acknowledged. */
    more: v.boolean(),
    /** More is desired than what this delta leads to: a pod that is still missing is not gone. */
    partial: v.optional(v.boolean()),
    /** Digest of everything the site holds once this delta is applied. */
    digest: v.string(),
  }),
]);
export type SyncFromProvider = v.InferOutput<typeof syncFromProvider>;
