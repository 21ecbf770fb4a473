import { ProbeDurations } from './probe-durations.ts';
import type { ProbeOutcome } from './probe-outcome.ts';
import type { ProbeKind } from './probe-state.ts';

/** How often a probe of a container had a result. */
export interface ProbeCount {
  readonly kind: ProbeKind;
  readonly container: string;
  readonly result: 'success' | 'failure';
  readonly count: number;
  /** Of successes alone. */
  readonly durations?: Pick<ProbeDurations, 'atMost' | 'count' | 'sumSeconds'>;
}

interface Counter extends ProbeCount {
  count: number;
  durations?: ProbeDurations;
}

/**
 * Counts the outcomes of one pod's probes: at most two counters for each probe of its spec. A kubelet
 * counts none that could not be carried out, and measures only those that succeed (its prober's worker).
 */
export class ProbeCounts {
  readonly #counts = new Map<string, Counter>();

  get all(): ProbeCount[] {
    return [...this.#counts.values()];
  }

  add(
    kind: ProbeKind,
    container: string,
    { result: outcome, tookMs }: { result: ProbeOutcome['result']; tookMs: number },
  ): void {
    if (outcome === 'error') return;
    const result = outcome === 'failure' ? outcome : 'success';
    const key = [kind, container, result].join('/');
    const counter = this.#counts.get(key) ?? { kind, container, result, count: 0 };
    this.#counts.set(key, counter);
    counter.count += 1;
    if (result === 'failure') return;
    counter.durations ??= new ProbeDurations();
    counter.durations.add(tookMs / 1000);
  }
}
