import type { PodStatus } from '../../kube/api.ts';
import { digestOf } from '../../protocol/digest.ts';
import type {
  DesiredObject,
  HeldObject,
  PatchedObject,
  RemovedObject,
  SyncFromProvider,
} from '../../protocol/sync.ts';

/** What a site is to hold. */
export interface WantedObjects {
  /** By `objectKey`. */
  objects: ReadonlyMap<string, DesiredObject>;
  /** How pods ended that are over, by `objectKey`: it goes along with those that the site doesn't hold. */
  ends: ReadonlyMap<string, PodStatus>;
  /** Keys of what is wanted but can't be read at the moment: what the site holds of it, it keeps. */
  unknown: ReadonlySet<string>;
  /** What this speaks of, and both ends know: what the site holds of other kinds, it keeps. */
  kinds: ReadonlySet<string>;
}

/** What the site holds, by `objectKey`. */
export type HeldObjects = ReadonlyMap<string, HeldObject>;

type DeltaMessage = Extract<SyncFromProvider, { type: 'delta' }>;

export interface DeltaPlan {
  empty: boolean;
  messages: DeltaMessage[];
  /** What the site holds once the delta is applied, and its digest. */
  after: HeldObjects;
  digest: string;
  /** Objects over `maxMessageBytes`: they can't be sent. */
  oversized: DesiredObject[];
  /** Not everything fitted in one delta: plan again once this one is acknowledged. */
  partial: boolean;
}

export interface DeltaLimits {
  maxMessageBytes: number;
  maxDeltaBytes: number;
}

/** `kind/namespace/name`. */
export function objectKey(object: RemovedObject): string {
  return `${object.kind}/${object.namespace}/${object.name}`;
}

/** Gives an object as a change of what a site holds, where that is shorter. */
export type PatchSource = (held: HeldObject, object: DesiredObject) => PatchedObject | undefined;

/** The next delta from what a site holds to what it is to hold, cut into messages. Pure. */
export function planDelta(
  held: HeldObjects,
  wanted: WantedObjects,
  limits: DeltaLimits,
  patchOf: PatchSource = () => undefined,
): DeltaPlan {
  const after = new Map(held);
  const remove = removals(held, wanted);
  for (const object of remove) after.delete(objectKey(object));
  const chunks = new Chunks(remove, limits);
  const oversized: DesiredObject[] = [];
  let partial = false;
  for (const [key, object] of wanted.objects) {
    const before = held.get(key);
    if (isHeld(before, object)) continue;
    const end = before?.uid === object.uid ? undefined : wanted.ends.get(key);
    const outcome = chunks.add(withEnd(object, end), before && patchOf(before, object));
    if (outcome === 'oversized') oversized.push(object);
    else if (outcome === 'full') partial = true;
    else after.set(key, heldOf(object));
  }
  const digest = digestOf(after.values());
  return {
    empty: chunks.empty,
    messages: chunks.messages(digest, partial || lacksPods(wanted)),
    after,
    digest,
    oversized,
    partial,
  };
}

/** Digest of a site that holds exactly what it is to hold; `undefined` while some is unknown. */
export function wantedDigest(wanted: WantedObjects): string | undefined {
  return wanted.unknown.size > 0 ? undefined : digestOf(wanted.objects.values());
}

/** The wanted objects as held. */
export function heldAll(wanted: WantedObjects): HeldObjects {
  return new Map(Array.from(wanted.objects, ([key, object]) => [key, heldOf(object)]));
}

/** A site that has forgotten a pod which can't be sent now must not take it for deleted. */
function lacksPods({ unknown }: WantedObjects): boolean {
  return Array.from(unknown).some((key) => key.startsWith('Pod/'));
}

function removals(held: HeldObjects, wanted: WantedObjects): RemovedObject[] {
  return [...held]
    .filter(([key]) => !wanted.objects.has(key) && !wanted.unknown.has(key))
    .filter(([, { kind }]) => wanted.kinds.has(kind))
    .map(([, { kind, namespace, name }]) => ({ kind, namespace, name }));
}

/** The version says nothing of the end: it alone never causes a delta. */
function withEnd(desired: DesiredObject, status: PodStatus | undefined): DesiredObject {
  return status === undefined ? desired : { ...desired, object: { ...desired.object, status } };
}

function isHeld(held: HeldObject | undefined, object: DesiredObject): boolean {
  return held?.uid === object.uid && held.version === object.version;
}

function heldOf({ kind, namespace, name, uid, version }: DesiredObject): HeldObject {
  return { kind, namespace, name, uid, version };
}

/** Bytes of a delta message without any object, with room to spare. */
const envelopeBytes = 256;

interface Chunk {
  put: DesiredObject[];
  patch: PatchedObject[];
  remove: RemovedObject[];
  bytes: number;
}

function emptyChunk(): Chunk {
  return { put: [], patch: [], remove: [], bytes: envelopeBytes };
}

/** The messages of one delta, filled in order. */
class Chunks {
  readonly #limits: DeltaLimits;
  readonly #chunks: Chunk[] = [emptyChunk()];
  #totalBytes = envelopeBytes;

  constructor(remove: RemovedObject[], limits: DeltaLimits) {
    this.#limits = limits;
    for (const object of remove) this.#take(jsonBytes(object)).remove.push(object);
  }

  get empty(): boolean {
    return this.#chunks.every(
      ({ put, patch, remove }) => put.length + patch.length + remove.length === 0,
    );
  }

  add(object: DesiredObject, patch?: PatchedObject): 'taken' | 'oversized' | 'full' {
    const bytes = jsonBytes(patch ?? object);
    if (bytes + envelopeBytes > this.#limits.maxMessageBytes) return 'oversized';
    if (this.#totalBytes + bytes + envelopeBytes > this.#limits.maxDeltaBytes) return 'full';
    const chunk = this.#take(bytes);
    if (patch === undefined) chunk.put.push(object);
    else chunk.patch.push(patch);
    return 'taken';
  }

  messages(digest: string, partial: boolean): DeltaMessage[] {
    return this.#chunks.map(({ put, patch, remove }, i) => ({
      type: 'delta',
      put,
      ...(patch.length > 0 ? { patch } : {}),
      remove,
      more: i < this.#chunks.length - 1,
      ...(partial ? { partial } : {}),
      digest,
    }));
  }

  #take(bytes: number): Chunk {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.bytes + bytes > this.#limits.maxMessageBytes) {
      chunk = emptyChunk();
      this.#chunks.push(chunk);
      this.#totalBytes += envelopeBytes;
    }
    chunk.bytes += bytes;
    this.#totalBytes += bytes;
    return chunk;
  }
}

/** Bytes of an element of a JSON array, its comma included. */
function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value)) + 1;
}
