import type { Pod } from '../../kube/api.ts';
import { VolumeError } from '../volumes/volume-error.ts';
import type { PodEvents } from './event-recorder.ts';
import { volumeSources, type PodContext } from './pod-context.ts';

/** How long after a failed refresh, or a try to renew a token, the next one comes. */
const retryMs = 60_000;

/** Keeps the contents of one pod's volumes what the desired state says. */
export class VolumeKeeper {
  readonly #context: PodContext;
  /** Counts changes of what the volumes are made of; `#written` is the count they were made at. */
  #wanted = 1;
  #written = 0;
  #triedAtMs = -Infinity;

  constructor(context: PodContext) {
    this.#context = context;
  }

  /** A ConfigMap or Secret that the pod may use has changed. */
  changed(): void {
    this.#wanted += 1;
    this.retryNow();
  }

  /** What failed may succeed now. */
  retryNow(): void {
    this.#triedAtMs = -Infinity;
  }

  /** Whether the volumes are there and hold what they should. */
  get isFresh(): boolean {
    return this.#written === this.#wanted;
  }

  /**
   * Makes the volumes of a pod that is about to start a container.
   * @throws VolumeError for the first that can't be had; `NOT_RENEWED` when all are there.
   */
  async prepare(pod: Pod, signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted;
    await this.#context.volumes.prepare(pod, volumeSources(this.#context), signal);
    this.#written = wanted;
  }

  /** Brings changed contents and due tokens into the volumes of a pod that runs. */
  async refresh(pod: Pod, events: PodEvents, signal: AbortSignal): Promise<void> {
    if (this.nextRefreshMs(pod) !== 0) return;
    const wanted = this.#wanted;
    this.#triedAtMs = this.#context.clock.monotonicMs();
    try {
      await this.#context.volumes.refresh(pod, volumeSources(this.#context), signal);
      this.#written = wanted;
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      events.record('Warning', 'FailedMount', error.message);
    }
  }

  /** In how many milliseconds a refresh is due; undefined when only a change makes it so. */
  nextRefreshMs(pod: Pod): number | undefined {
    const { clock, tokens } = this.#context;
    const renewAtMs = tokens.renewAtMs(pod);
    const dueMs = this.isFresh ? renewAtMs && renewAtMs - clock.wallMs() : 0;
    if (dueMs === undefined) return undefined;
    return Math.max(0, dueMs, this.#triedAtMs + retryMs - clock.monotonicMs());
  }
}
