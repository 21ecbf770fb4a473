import { isDeepStrictEqual } from 'node:util';
import type { Pod, PodStatus } from '../../kube/api.ts';
import { isMirrorPod } from '../../kube/mirror-pod.ts';
import type { DesiredObject } from '../../protocol/sync.ts';
import { type BoundPods, podKeyOf } from '../pod/pod-index.ts';
import type { Known, ObjectHold, ObjectSource } from './object-source.ts';
import { objectKey, type WantedObjects } from './plan-delta.ts';
import { type Reference, referencesOf } from './references.ts';
import { sentEnd, sentPod } from './sent-object.ts';

export interface DesiredSiteOptions {
  nodeName: string;
  pods: BoundPods;
  sources: DesiredSources;
  /** Kinds that the site takes, see `takenKinds`. Pods go to it also when they name others. */
  kinds: ReadonlySet<string>;
  /** Called when `wanted()` may have changed. */
  onChange: () => void;
}

/** Where what pods need comes from. */
export type DesiredSources = Record<Reference['kind'], ObjectSource>;

/** What has to be looked up when a pod is new; all else is known at any time. */
const lookedUp: ReadonlySet<string> = new Set(['ConfigMap', 'Secret', 'VolumeClaim']);

interface KnownPod {
  pod: Pod;
  sent: DesiredObject;
  end: PodStatus | undefined;
  references: Reference[];
  /** False until everything that a new pod names has been looked up. */
  complete: boolean;
}

/**
 * What one site is to hold: its Node, the pods bound to it and all that they name. A new pod appears
 * once the objects it names have been looked up, so that a site doesn't start it without them. A
 * malformed pod is left out; if the site has an earlier version, it keeps that. Mirror pods are left out: the
 * site has what they are copies of.
 */
export class DesiredSite {
  /** Resolves when everything that the pods name has been looked up once. */
  readonly ready: Promise<void>;

  readonly #options: DesiredSiteOptions;
  readonly #pods = new Map<string, KnownPod>();
  readonly #holds = new Map<string, { hold: ObjectHold; users: number }>();
  /** What it holds without any pod. */
  readonly #own: Reference[];
  readonly #unsubscribe: () => void;
  #closed = false;

  constructor(options: DesiredSiteOptions) {
    this.#options = options;
    const node = { kind: 'Node' as const, namespace: '', name: options.nodeName };
    this.#own = [node].filter(({ kind }) => options.kinds.has(kind));
    for (const reference of this.#own) this.#use(reference);
    const pods = options.pods.ofNode(options.nodeName).filter((pod) => !isMirrorPod(pod));
    this.ready = Promise.all(pods.map((pod) => this.#set(pod))).then(() => undefined);
    this.#unsubscribe = options.pods.subscribe(({ pod, gone }) => {
      if (isMirrorPod(pod)) return;
      if (gone) this.#remove(podKeyOf(pod));
      else if (this.#isSentAs(pod)) return;
      else void this.#set(pod);
      options.onChange();
    }, options.nodeName);
  }

  wanted(): WantedObjects {
    const objects = new Map<string, DesiredObject>();
    const ends = new Map<string, PodStatus>();
    const unknown = new Set(this.#malformedKeys());
    for (const reference of this.#own) {
      const known = this.#known(objectKey(reference));
      if (known?.kind === 'present') objects.set(objectKey(reference), known.object);
    }
    for (const { sent, end, references, complete } of this.#pods.values()) {
      if (complete) objects.set(objectKey(sent), sent);
      if (end !== undefined) ends.set(objectKey(sent), end);
      for (const reference of references) {
        const key = objectKey(reference);
        const known = this.#known(key);
        // What only waiting pods name goes out with them: a delta of its own would delay them.
        if (known?.kind === 'unknown' || !complete) unknown.add(key);
        if (known?.kind === 'present' && complete) objects.set(key, known.object);
      }
    }
    for (const key of objects.keys()) unknown.delete(key);
    return { objects, ends, unknown, kinds: this.#options.kinds };
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    for (const { hold } of this.#holds.values()) hold.release();
    this.#holds.clear();
  }

  #known(key: string): Known | undefined {
    return this.#holds.get(key)?.hold.known;
  }

  #malformedKeys(): string[] {
    const { pods, nodeName } = this.#options;
    return pods.malformedOf(nodeName).map((key) => `Pod/${key}`);
  }

  /** Whether a pod changed in nothing that its site gets, as with every status but that of its end. */
  #isSentAs(pod: Pod): boolean {
    const known = this.#pods.get(podKeyOf(pod));
    if (known === undefined || sentPod(pod).version !== known.sent.version) return false;
    return isDeepStrictEqual(sentEnd(pod), known.end);
  }

  async #set(pod: Pod): Promise<void> {
    const key = podKeyOf(pod);
    const previous = this.#pods.get(key);
    const known = this.#describe(pod, previous);
    this.#pods.set(key, known);
    const lookups = known.references.map((reference) => this.#use(reference));
    if (previous !== undefined) this.#release(previous.references);
    if (known.complete) return;
    await Promise.all(lookups.map((hold) => hold.refresh()));
    this.#complete(key, pod);
  }

  /** A pod that was complete stays so; a pod of another uid is another pod. */
  #describe(pod: Pod, previous: KnownPod | undefined): KnownPod {
    const references = referencesOf(pod).filter(({ kind }) => this.#options.kinds.has(kind));
    const wasComplete =
      previous?.pod.metadata.uid === pod.metadata.uid && previous?.complete === true;
    const complete = wasComplete || !references.some(({ kind }) => lookedUp.has(kind));
    return { pod, sent: sentPod(pod), end: sentEnd(pod), references, complete };
  }

  #complete(key: string, pod: Pod): void {
    const known = this.#pods.get(key);
    if (this.#closed || known === undefined || known.complete) return;
    if (known.pod.metadata.uid !== pod.metadata.uid) return;
    known.complete = true;
    this.#options.onChange();
  }

  #remove(key: string): void {
    const known = this.#pods.get(key);
    if (known === undefined) return;
    this.#pods.delete(key);
    this.#release(known.references);
  }

  #use(reference: Reference): ObjectHold {
    const key = objectKey(reference);
    let used = this.#holds.get(key);
    if (used === undefined) {
      const source = this.#options.sources[reference.kind];
      const hold = source.hold(reference.namespace, reference.name, this.#options.onChange);
      this.#holds.set(key, (used = { hold, users: 0 }));
    }
    used.users += 1;
    return used.hold;
  }

  #release(references: Reference[]): void {
    for (const reference of references) {
      const key = objectKey(reference);
      const used = this.#holds.get(key);
      if (used === undefined) continue;
      used.users -= 1;
      if (used.users > 0) continue;
      this.#holds.delete(key);
      used.hold.release();
    }
  }
}
