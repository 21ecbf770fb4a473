import type { Pod } from '../../kube/api.ts';
import { liveContainers, type ObservedPod } from './observed.ts';
import type { PodContext } from './pod-context.ts';
import type { PodRejection } from './pod-status.ts';
import { removePod, stopPod } from './pod-stopper.ts';
import type { StatusKeeper } from './status-keeper.ts';
import type { Scene } from './step-runner.ts';
import type { WakeUp } from './wake-up.ts';

/** How long unmounting and removing a pod's volumes may take. */
const teardownTimeoutMs = 60_000;

/** Ends one pod. Each part can be done again, and goes on where the last try failed. */
export class PodEnding {
  readonly #context: PodContext;
  readonly #status: StatusKeeper;
  readonly #wakeUp: WakeUp;
  #isClean = false;

  /** `wakeUp`: woken whenever the grace may have changed. */
  constructor(context: PodContext, status: StatusKeeper, wakeUp: WakeUp) {
    this.#context = context;
    this.#status = status;
    this.#wakeUp = wakeUp;
  }

  /** Whether anything of the pod may still run. */
  isNeeded(observed: ObservedPod): boolean {
    return observed.sandboxes.some(({ ready }) => ready) || liveContainers(observed).length > 0;
  }

  /** @throws CriError */
  async stop(scene: Scene): Promise<void> {
    await stopPod(this.#context, { ...scene, wakeUp: this.#wakeUp });
  }

  /** Reports how the pod has ended; comes before `remove`, for then nobody can tell any more. */
  publish(
    pod: Pod,
    observed: ObservedPod,
    rejection: PodRejection | undefined,
    when: 'now' | 'lazily',
  ): void {
    const view = { pod, observed, waiting: new Map(), problems: new Map() };
    this.#status.publishEnd(view, rejection, when);
  }

  /** Removes a stopped pod's volumes and cgroups, once. @throws VolumeError, the reason of a timeout */
  async cleanUp({ metadata: { uid = '' } }: Pod): Promise<void> {
    if (this.#isClean) return;
    await this.#context.volumes.teardown(uid, AbortSignal.timeout(teardownTimeoutMs));
    await this.#context.cgroups.remove(uid);
    this.#isClean = true;
  }

  /** Leaves nothing of a stopped pod on the device. @throws CriError, and as `cleanUp` */
  async remove(pod: Pod, observed: ObservedPod): Promise<void> {
    await removePod(this.#context, pod, observed);
    await this.cleanUp(pod);
  }
}
