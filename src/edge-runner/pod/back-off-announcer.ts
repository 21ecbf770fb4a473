import type { Pod } from '../../kube/api.ts';
import type { PodEvents } from './event-recorder.ts';
import type { Holds } from './holds.ts';
import type { PodPlan } from './pod-plan.ts';
import { containerNamed } from './pod-containers.ts';

/** How long `ErrImagePull` is shown before it becomes `ImagePullBackOff`. */
const showPullErrorMs = 2_000;

/** Says once per wait that a container, or the pull of its image, waits for its back-off. */
export class BackOffAnnouncer {
  /** When the back-off that was announced last began, by container name. */
  readonly #announced = new Map<string, number>();

  announceRestarts(pod: Pod, plan: PodPlan, events: PodEvents): void {
    const { name: podName, namespace = '', uid = '' } = pod.metadata;
    for (const [name, backOff] of plan.waiting) {
      if (this.#announced.get(name) === backOff.updatedAtMs) continue;
      this.#announced.set(name, backOff.updatedAtMs);
      const message = `Back-off restarting failed container ${name} in pod ${podName}_${namespace}(${uid})`;
      events.record('Warning', 'BackOff', message, name);
    }
  }

  /** Returns when to look at the pulls again, on the clock of `nowMs`. */
  announcePulls(pod: Pod, holds: Holds, events: PodEvents, nowMs: number): number | undefined {
    let wakeAtMs: number | undefined;
    for (const [name, failedAtMs] of holds.pullFailures()) {
      const showUntilMs = failedAtMs + showPullErrorMs;
      if (nowMs < showUntilMs) {
        wakeAtMs = Math.min(wakeAtMs ?? Infinity, showUntilMs);
        continue;
      }
      const image = containerNamed(pod, name)?.image ?? '';
      holds.showPullBackOff(name, image);
      events.record('Normal', 'BackOff', `Back-off pulling image "${image}"`, name);
      events.record('Warning', 'Failed', 'Error: ImagePullBackOff', name);
    }
    return wakeAtMs;
  }
}
