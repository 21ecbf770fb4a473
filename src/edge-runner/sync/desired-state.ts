import type {
  ConfigMap,
  Node,
  ObjectMeta,
  Pod,
  RuntimeClass,
  Secret,
  VolumeClaim,
} from '../../kube/api.ts';
import { extendedResources } from '../../kube/extended-resources.ts';
import { podRangesOf } from '../../kube/pod-ranges.ts';
import { configSourceAnnotation } from '../../kube/priority.ts';
import type { ServiceLink } from '../../kube/service-env.ts';
import { digestOf } from '../../protocol/digest.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { maxDeltaBytes } from '../../protocol/limits.ts';
import { applyPatch } from '../../protocol/object-patch.ts';
import type {
  DesiredObject,
  HeldObject,
  PatchedObject,
  RemovedObject,
} from '../../protocol/sync.ts';
import type { EdgeStore } from '../store/edge-store.ts';

/** A change of the desired state; `digest` is that of the state it leads to, where it is known. */
export interface StateDelta {
  put: readonly DesiredObject[];
  patch?: readonly PatchedObject[] | undefined;
  remove: readonly RemovedObject[];
  digest?: string;
  /** More is desired than what this leads to. */
  partial?: boolean | undefined;
}

/** The desired state that the site holds: on disk in the store, and here in memory. */
export class DesiredState {
  readonly #store: EdgeStore;
  #objects: ReadonlyMap<string, DesiredObject>;
  #isComplete: boolean;

  constructor(store: EdgeStore) {
    this.#store = store;
    this.#objects = byKey(store.objects());
    this.#isComplete = store.isComplete();
  }

  /**
   * Commits a delta to the store, then takes it over; all of it, or nothing when it throws.
   * @throws ProtocolError `INVALID_MESSAGE` when it doesn't lead to the state that it announced,
   *   `PATCH_MISMATCH`, `DELTA_TOO_LARGE`; RunnerError `STORE_FAILED`
   */
  apply({ patch = [], remove, digest, partial = false, ...delta }: StateDelta): void {
    const put = [...delta.put, ...this.#patched(patch)].map((object) =>
      withEndOf(this.#objects.get(keyOf(object)), object),
    );
    const next = new Map(this.#objects);
    for (const object of remove) next.delete(keyOf(object));
    for (const [key, object] of byKey(put)) next.set(key, object);
    if (digest !== undefined && digestOf(next.values()) !== digest) {
      throw new ProtocolError('INVALID_MESSAGE', 'a delta did not lead to the state it announced');
    }
    this.#store.applyDelta(put, remove, !partial);
    this.#isComplete ||= !partial;
    this.#objects = next;
  }

  /** The cloud desires exactly what is held. @throws RunnerError `STORE_FAILED` */
  confirm(): void {
    if (!this.#isComplete) this.apply({ put: [], remove: [] });
  }

  /** Whether the cloud has ever told this store everything: only then is what is missing not desired. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  #patched(patches: readonly PatchedObject[]): DesiredObject[] {
    let bytes = 0;
    return patches.map(({ from, patch, ...identity }) => {
      const held = this.#objects.get(keyOf(identity));
      if (held?.uid !== identity.uid || held.version !== from) {
        throw new ProtocolError('PATCH_MISMATCH', 'a patch came for a version that is not held');
      }
      const { object, size } = applyPatch(held.object, patch, identity.version);
      bytes += size;
      if (bytes > maxDeltaBytes) {
        throw new ProtocolError('DELTA_TOO_LARGE', `a delta grew over ${maxDeltaBytes} bytes`);
      }
      return { ...identity, object: object as DesiredObject['object'] };
    });
  }

  held(): HeldObject[] {
    return Array.from(this.#objects.values(), ({ kind, namespace, name, uid, version }) => ({
      ...{ kind, namespace, name, uid, version },
    }));
  }

  digest(): string {
    return digestOf(this.#objects.values());
  }

  pods(): Pod[] {
    return Array.from(this.#objects.values())
      .filter(({ kind }) => kind === 'Pod')
      .map(({ object }) => object as unknown as Pod);
  }

  configMap(namespace: string, name: string): ConfigMap | undefined {
    const found = this.#objects.get(keyOf({ kind: 'ConfigMap', namespace, name }));
    return found?.object;
  }

  secret(namespace: string, name: string): Secret | undefined {
    const found = this.#objects.get(keyOf({ kind: 'Secret', namespace, name }));
    return found?.object;
  }

  volumeClaim(namespace: string, name: string): VolumeClaim | undefined {
    const found = this.#objects.get(keyOf({ kind: 'VolumeClaim', namespace, name }));
    return found?.object;
  }

  /** Certificates of ClusterTrustBundles, by `trustAnchorsName`. */
  trustAnchors(name: string): string | undefined {
    const found = this.#objects.get(keyOf({ kind: 'TrustAnchors', namespace: '', name }));
    return found?.object['certificates'] as string | undefined;
  }

  /** What environments say of Services. */
  serviceLinks(namespace: string, name: string): readonly ServiceLink[] {
    const found = this.#objects.get(keyOf({ kind: 'ServiceLinks', namespace, name }));
    return (found?.object['services'] ?? []) as ServiceLink[];
  }

  /** Labels of the site's Node; undefined while the cloud hasn't told of it. */
  nodeLabels(): Record<string, string> | undefined {
    const node = this.#node();
    return node && ((node.metadata as ObjectMeta).labels ?? {});
  }

  /** What the cluster wants pods' addresses to be from; nothing where it doesn't mind. Not checked. */
  podRanges(): readonly string[] {
    return podRangesOf((this.#node() ?? {}) as Pick<Node, 'spec'>);
  }

  /** What somebody gave the Node that the device knows nothing of. */
  extendedResources(): Record<string, string> {
    const { status } = (this.#node() ?? {}) as Pick<Node, 'status'>;
    return extendedResources(status?.allocatable);
  }

  #node(): DesiredObject['object'] | undefined {
    for (const { kind, object } of this.#objects.values()) if (kind === 'Node') return object;
    return undefined;
  }

  runtimeClass(name: string): RuntimeClass | undefined {
    const found = this.#objects.get(keyOf({ kind: 'RuntimeClass', namespace: '', name }));
    return found?.object as RuntimeClass | undefined;
  }
}

function keyOf({ kind, namespace, name }: RemovedObject): string {
  return `${kind}/${namespace}/${name}`;
}

function byKey(objects: readonly DesiredObject[]): Map<string, DesiredObject> {
  return new Map(objects.map((object) => [keyOf(object), withIdentity(object)]));
}

/** How a pod ended the cloud says only when the pod is new here; what it once said stands. */
function withEndOf(before: DesiredObject | undefined, desired: DesiredObject): DesiredObject {
  const { kind, uid, object } = desired;
  const end = before?.uid === uid && kind === 'Pod' ? before.object['status'] : undefined;
  if (end === undefined || object['status'] !== undefined) return desired;
  return { ...desired, object: { ...object, status: end } };
}

/** Whatever the object itself says, it is the one that it was announced as. */
function withIdentity(desired: DesiredObject): DesiredObject {
  const { namespace, name, uid, object } = desired;
  const metadata = { ...object.metadata, namespace, name, uid };
  return { ...desired, object: { ...object, metadata: fromApi(metadata) } };
}

/** Only the device itself makes static pods: what comes from the cloud can't say that it is one. */
function fromApi<Metadata extends Record<string, unknown>>(metadata: Metadata): Metadata {
  const { annotations } = metadata;
  if (typeof annotations !== 'object' || annotations === null) return metadata;
  if (!(configSourceAnnotation in annotations)) return metadata;
  return { ...metadata, annotations: { ...annotations, [configSourceAnnotation]: 'api' } };
}
