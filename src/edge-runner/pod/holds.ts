import type { ContainerStateWaiting } from '../../kube/api.ts';
import { nextBackOff, type BackOff, type BackOffRule } from './back-off.ts';
import type { PodProblem } from './pod-problem.ts';

interface Hold {
  sinceMs: number;
  untilMs: number;
  backOff: BackOff;
  problem: ContainerStateWaiting | undefined;
}

/** Delays between tries of something that the cluster or a registry must mend. */
const retryRule: BackOffRule = { initialMs: 1_000, maxMs: 60_000, resetAfterMs: 300_000 };

/** A kubelet's delays between pulls of an image: 10 s doubling to 5 min. */
const pullRule: BackOffRule = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

/**
 * What can't be started just now, why, and until when, by container name (or `sandboxKey`). All
 * times are of a clock that doesn't jump.
 */
export class Holds {
  readonly #holds = new Map<string, Hold>();

  /** Nothing is tried under this key before the delay is over; each failure in a row doubles it. */
  hold(key: string, problem: PodProblem | undefined, nowMs: number): void {
    const rule = problem?.reason === 'ErrImagePull' ? pullRule : retryRule;
    const backOff = nextBackOff(this.#holds.get(key)?.backOff, nowMs, nowMs, rule);
    const shown =
      problem === undefined ? undefined : { reason: problem.reason, message: problem.message };
    const untilMs = nowMs + backOff.delayMs;
    this.#holds.set(key, { sinceMs: nowMs, untilMs, backOff, problem: shown });
  }

  /** Pulls whose failure is shown as such, and when each failed. */
  pullFailures(): [key: string, failedAtMs: number][] {
    return Array.from(this.#holds)
      .filter(([, { problem }]) => problem?.reason === 'ErrImagePull')
      .map(([key, { sinceMs }]) => [key, sinceMs]);
  }

  /** Kubelet: a failed pull is shown as `ErrImagePull` first, and as `ImagePullBackOff` while it waits. */
  showPullBackOff(key: string, image: string): void {
    const hold = this.#holds.get(key);
    if (hold?.problem?.reason !== 'ErrImagePull') return;
    hold.problem = {
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image "${image}": ErrImagePull: ${hold.problem.message ?? ''}`,
    };
  }

  /** Whether the last try under this key failed. */
  isHeld(key: string): boolean {
    return this.#holds.has(key);
  }

  clear(key: string): void {
    this.#holds.delete(key);
  }

  /**
   * Something that was missing may be there now: all is tried again at once, delays start anew.
   * `exceptPulls`: a registry that failed is left alone nevertheless.
   */
  clearAll({ exceptPulls }: { exceptPulls: boolean }): void {
    for (const [key, { problem }] of this.#holds) {
      const pull = problem?.reason === 'ErrImagePull' || problem?.reason === 'ImagePullBackOff';
      if (!pull || !exceptPulls) this.#holds.delete(key);
    }
  }

  get notBeforeMs(): ReadonlyMap<string, number> {
    return new Map([...this.#holds].map(([key, { untilMs }]) => [key, untilMs]));
  }

  get problems(): ReadonlyMap<string, ContainerStateWaiting> {
    const problems = new Map<string, ContainerStateWaiting>();
    for (const [key, { problem }] of this.#holds) if (problem) problems.set(key, problem);
    return problems;
  }
}
