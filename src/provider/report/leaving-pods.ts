import type { Pod } from '../../kube/api.ts';
import { type HeldObjects, objectKey } from '../desired/plan-delta.ts';
import { leaveMarginMs } from '../limits.ts';
import { podKeyOf } from '../pod/pod-index.ts';

interface Leaving {
  uid: string | undefined;
  /** Since when its site is known not to hold it. */
  sinceMs: number | undefined;
}

interface Acknowledged {
  held: HeldObjects;
  /** Uids of pods that it doesn't hold and that still end there; `undefined` of a site that doesn't say. */
  ending: ReadonlySet<string> | undefined;
}

/**
 * When pods that sites must not have any more are over there: when the site doesn't hold the pod and doesn't
 * say that it still ends. Of one that says nothing it is inferred: it has stopped the pod when it has
 * acknowledged that it doesn't hold it, and the pod's grace is past since. A link that breaks leaves that
 * open, until the site says again what it holds.
 */
export class LeavingPods {
  readonly #nowMs: () => number;
  /** What connected sites have acknowledged, by node name. */
  readonly #held = new Map<string, Acknowledged>();
  /** By node name, and then as `namespace/name`. */
  readonly #leaving = new Map<string, Map<string, Leaving>>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A site has acknowledged what it holds. @returns the pods of it, as `namespace/name`, that were asked for. */
  held(nodeName: string, held: HeldObjects, ending?: readonly string[]): string[] {
    this.#held.set(nodeName, { held, ending: ending && new Set(ending) });
    return [...(this.#leaving.get(nodeName)?.keys() ?? [])];
  }

  /** A site has connected, or is away. */
  linkChanged(nodeName: string): void {
    this.#held.delete(nodeName);
    for (const leaving of this.#leaving.get(nodeName)?.values() ?? []) leaving.sinceMs = undefined;
  }

  /** How long it is until a pod must be over at its site, in ms; `undefined` while nobody knows. */
  remainingMs(pod: Pod): number | undefined {
    const leaving = this.#leavingOf(pod);
    const { namespace = '', name, uid } = pod.metadata;
    const { held, ending } = this.#held.get(pod.spec.nodeName ?? '') ?? {};
    const isHeld = held?.get(objectKey({ kind: 'Pod', namespace, name }))?.uid === uid;
    if (held === undefined || isHeld || ending?.has(uid ?? '') === true) {
      leaving.sinceMs = undefined;
      return undefined;
    }
    if (ending !== undefined) return 0;
    leaving.sinceMs ??= this.#nowMs();
    return Math.max(0, leaving.sinceMs + graceMs(pod) + leaveMarginMs - this.#nowMs());
  }

  /** The pod may be at its site, or is over. */
  forget(pod: Pod): void {
    const nodeName = pod.spec.nodeName ?? '';
    const ofNode = this.#leaving.get(nodeName);
    ofNode?.delete(podKeyOf(pod));
    if (ofNode?.size === 0) this.#leaving.delete(nodeName);
  }

  #leavingOf(pod: Pod): Leaving {
    const nodeName = pod.spec.nodeName ?? '';
    const { uid } = pod.metadata;
    const ofNode = this.#leaving.get(nodeName) ?? new Map<string, Leaving>();
    this.#leaving.set(nodeName, ofNode);
    const known = ofNode.get(podKeyOf(pod));
    if (known !== undefined && known.uid === uid) return known;
    const leaving = { uid, sinceMs: undefined };
    ofNode.set(podKeyOf(pod), leaving);
    return leaving;
  }
}

/** A site may not know of the grace of a deletion, and so takes that of the spec. */
function graceMs({ metadata, spec }: Pod): number {
  const { terminationGracePeriodSeconds: own = 30 } = spec;
  return Math.max(own, metadata.deletionGracePeriodSeconds ?? 0) * 1000;
}
