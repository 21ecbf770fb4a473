import type { Pod } from '../../kube/api.ts';
import { Halt } from './halt.ts';
import { KillWatch } from './kill-watch.ts';
import type { PodRejection } from './pod-status.ts';

interface StopOrdersOptions {
  /** The pod as it is now. */
  pod: () => Pod;
  removed: boolean;
  /** Called once if the pod still runs long after its grace. */
  onExceeded: () => void;
}

/**
 * Who wants one pod to stop, and within which grace: it was deleted, or is no longer desired, it must
 * give way, or its device goes down. Any of them breaks off what brings the pod up.
 */
export class StopOrders {
  readonly #pod: () => Pod;
  readonly #halt = new Halt();
  readonly #killWatch: KillWatch;
  readonly #bringUp = new AbortController();
  #removed: boolean;
  #eviction: PodRejection | undefined;
  #hasBegun = false;

  constructor({ pod, removed, onExceeded }: StopOrdersOptions) {
    this.#pod = pod;
    this.#removed = removed;
    this.#killWatch = new KillWatch(onExceeded);
  }

  /** The desired state doesn't have the pod any more. */
  get isRemoved(): boolean {
    return this.#removed;
  }

  /** Nobody wants the pod any more. */
  get isUnwanted(): boolean {
    return this.#removed || this.#pod().metadata.deletionTimestamp !== undefined;
  }

  /** Why the pod must give way, if it must. */
  get eviction(): PodRejection | undefined {
    return this.#eviction;
  }

  /** The device goes down. */
  get isHalt(): boolean {
    return this.#halt.isWanted;
  }

  /** How long the pod has to stop, by itself and by who wants it to. */
  get graceSeconds(): number {
    const { metadata, spec } = this.#pod();
    const own = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
    return this.#halt.limit(Math.min(own, this.#eviction?.graceSeconds ?? own));
  }

  /** Of whatever brings the pod up; aborted when it is to end, or the runner ends. */
  get bringUp(): AbortSignal {
    return this.#bringUp.signal;
  }

  breakOff(): void {
    this.#bringUp.abort();
  }

  podChanged(): void {
    if (this.isUnwanted) this.breakOff();
  }

  remove(): void {
    this.#removed = true;
    this.breakOff();
  }

  evict(rejection: PodRejection): void {
    this.#eviction = rejection;
    this.#watch();
    this.breakOff();
  }

  /** Resolves once nothing of the pod runs. */
  halt(maxGraceSeconds: number): Promise<undefined> {
    this.#halt.want(maxGraceSeconds);
    this.#watch();
    this.breakOff();
    return this.#halt.stopped;
  }

  /** The pod's turn has come: one that waits for its predecessor runs nothing that could take too long. */
  begin(): void {
    this.#hasBegun = true;
    this.#watch();
  }

  nothingRuns(): void {
    this.#killWatch.stop();
    if (this.#halt.isWanted) this.#halt.tellStopped();
  }

  /** Nobody looks after the pod any more. */
  close(): void {
    this.#killWatch.stop();
    this.#halt.tellStopped();
  }

  #watch(): void {
    const mustGiveWay = this.#halt.isWanted || this.#eviction !== undefined;
    if (this.#hasBegun && mustGiveWay) this.#killWatch.start(this.graceSeconds);
  }
}
