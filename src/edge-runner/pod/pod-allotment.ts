import { isDeepStrictEqual } from 'node:util';
import type { Pod, PodStatus } from '../../kube/api.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import { resizable, withResourcesOf, withResourcesTold } from '../../kube/resize.ts';
import type { PlacedPods } from './placed-pods.ts';
import { resizePendingType } from './resize-conditions.ts';

/** Gives one pod the resources that its spec names, once there is room for them on the device. */
export class PodAllotment {
  readonly #placed: PlacedPods;
  #wanted: Pod | undefined;
  #pending: Misfit | undefined;

  constructor(placed: PlacedPods) {
    this.#placed = placed;
  }

  /** Why the pod waits for the resources that its spec names now, if it does. */
  get pending(): Misfit | undefined {
    return this.#pending;
  }

  /** The pod with the resources that it waits for, if it does. */
  get wanted(): Pod | undefined {
    return this.#wanted;
  }

  /** The pod to begin with. One whose resize waited when the last runner ended has what it had then. */
  first(wanted: Pod, last: PodStatus | undefined): Pod {
    const waited = last?.conditions?.some(({ type }) => type === resizePendingType) === true;
    return waited ? this.next(wanted, withResourcesTold(wanted, last)) : wanted;
  }

  /** The pod to work with: `wanted`, with the resources of `current` where there is no room for more. */
  next(wanted: Pod, current: Pod): Pod {
    const isResize = this.#placed.has(uidOf(wanted)) && resourcesDiffer(wanted, current);
    this.#pending = isResize ? this.#placed.resizeMisfit(wanted) : undefined;
    this.#wanted = this.#pending && wanted;
    const allotted = this.#pending === undefined ? wanted : withResourcesOf(wanted, current);
    if (this.#placed.has(uidOf(wanted))) this.#placed.keep(allotted);
    return allotted;
  }

  /** As `next`, for a pod that waits: room may have been made. */
  retry(current: Pod): Pod {
    return this.#wanted === undefined ? current : this.next(this.#wanted, current);
  }
}

function uidOf({ metadata: { uid = '' } }: Pod): string {
  return uid;
}

function resourcesDiffer(a: Pod, b: Pod): boolean {
  const all = ({ spec }: Pod): unknown => [
    resizable(spec),
    ...[...(spec.initContainers ?? []), ...spec.containers].map((each) => [
      each.name,
      resizable(each),
    ]),
  ];
  return !isDeepStrictEqual(all(a), all(b));
}
