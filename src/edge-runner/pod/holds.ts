import type { ContainerStateWaiting } from '../../kube/api.ts';
import { nextBackOff, type BackOff, type BackOffRule } from './back-off.ts';
import type { PodProblem } from './pod-problem.ts';

interface Hold {
  untilMs: number;
  backOff: BackOff;
  problem: ContainerStateWaiting | undefined;
}

/** Delays between tries of something that the cluster or a registry must mend. */
const retryRule: BackOffRule = { initialMs: 1_000, maxMs: 60_000, resetAfterMs: 300_000 };

/** A kubelet's delays between pulls of an image: 10 s doubling to 5 min. */
const pullRule: BackOffRule = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

/** What can't be started just now, why, and until when, by container name (or `sandboxKey`). */
export class Holds {
  readonly #holds = new Map<string, Hold>();

  /** Nothing is tried under this key before the delay is over; each failure in a row doubles it. */
  hold(key: string, problem: PodProblem | undefined, nowMs: number): void {
    const rule = problem?.reason === 'ErrImagePull' ? pullRule : retryRule;
    const backOff = nextBackOff(this.#holds.get(key)?.backOff, nowMs, nowMs, rule);
    const shown =
      problem === undefined ? undefined : { reason: problem.reason, message: problem.message };
    this.#holds.set(key, { untilMs: nowMs + backOff.delayMs, backOff, problem: shown });
  }

  /** Kubelet: a failed pull is shown as `ErrImagePull` first, and as `ImagePullBackOff` while it waits. */
  showPullBackOff(key: string, image: string): boolean {
    const hold = this.#holds.get(key);
    if (hold?.problem?.reason !== 'ErrImagePull') return false;
    hold.problem = {
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image "${image}": ErrImagePull: ${hold.problem.message ?? ''}`,
    };
    return true;
  }

  clear(key: string): void {
    this.#holds.delete(key);
  }

  /** Something that was missing may be there now: all is tried again at once, delays start anew. */
  clearAll(): void {
    this.#holds.clear();
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
