import type { ProbeOutcome } from './probe-outcome.ts';
import type { ProbeKind } from './probe-state.ts';

/** How often a probe of a container had a result. */
export interface ProbeCount {
  readonly kind: ProbeKind;
  readonly container: string;
  readonly result: 'success' | 'failure' | 'error';
  readonly count: number;
}

/** Counts the outcomes of one pod's probes. */
export class ProbeCounts {
  readonly #counts = new Map<string, ProbeCount>();

  get all(): ProbeCount[] {
    return [...this.#counts.values()];
  }

  add(kind: ProbeKind, container: string, outcome: ProbeOutcome['result']): void {
    const result = outcome === 'warning' ? 'success' : outcome;
    const key = [kind, container, result].join('/');
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { kind, container, result, count });
  }
}
