import type { Pod, PodStatus } from '../../kube/api.ts';
import type { Clock } from './clock.ts';
import type { PodRejection } from './pod-status.ts';

/**
 * `activeDeadlineSeconds` of one pod, counted from its `startTime`. The wall clock is looked at once:
 * a clock that jumps later ends no pod early, and one that is behind gives the whole time again.
 */
export class ActiveDeadline {
  readonly #clock: Clock;
  #startedAtMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the pod may still run; undefined without a deadline or before its start. */
  remainingMs(pod: Pod, status: PodStatus | undefined): number | undefined {
    const { activeDeadlineSeconds } = pod.spec;
    if (activeDeadlineSeconds === undefined || status?.startTime === undefined) return undefined;
    const nowMs = this.#clock.monotonicMs();
    const ranMs = Math.max(0, this.#clock.wallMs() - Date.parse(status.startTime));
    this.#startedAtMs ??= nowMs - ranMs;
    return Math.max(0, this.#startedAtMs + activeDeadlineSeconds * 1000 - nowMs);
  }
}

/** Kubelet: what a pod has asked for itself is nothing to be warned of. */
export const deadlineExceeded: PodRejection = {
  reason: 'DeadlineExceeded',
  eventType: 'Normal',
  message: 'Pod was active on the node longer than the specified deadline',
};
