import type { ProbeOutcome } from './probe-outcome.ts';
import type { ProbeTimes } from './probe-times.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

/**
 * Where one probe of one running container stands. All times are on one monotonic clock, in ms.
 * Source of its rules: kubelet, pkg/kubelet/prober/worker.go.
 */
export interface ProbeState {
  /** What the kubelet would say of the container; changes only at a threshold. */
  readonly verdict: 'unknown' | 'success' | 'failure';
  readonly last: 'success' | 'failure' | undefined;
  /** How many runs in a row had the result `last`. */
  readonly run: number;
  /** When to probe next; undefined: not until there is another container. */
  readonly nextAtMs: number | undefined;
  /** Failures before this moment are no news yet. */
  readonly countsFromMs: number;
}

export interface FirstSight {
  kind: ProbeKind;
  times: ProbeTimes;
  startedAtMs: number;
  nowMs: number;
  /** The probe had succeeded before the runner was restarted. */
  succeeded: boolean;
  /**
   * 0 to 1 for a container that was running before the runner: which part of a period to wait, so
   * that not all of a device's probes run at once.
   */
  jitter: number | undefined;
}

/**
 * The state of a probe when its container is first seen running.
 *
 * A kubelet's probes tick from before the container starts, so that a first failure is counted up to
 * a period later; nothing is gained by looking at liveness earlier, while startup and readiness are
 * looked at as soon as their delay is over. Readiness is false, and liveness good, until shown.
 */
export function firstState(sight: FirstSight): ProbeState {
  const { kind, times, startedAtMs, nowMs, succeeded, jitter } = sight;
  const firstFailureAtMs = startedAtMs + Math.max(times.initialDelayMs, times.periodMs);
  const firstAtMs = kind === 'liveness' ? firstFailureAtMs : startedAtMs + times.initialDelayMs;
  const spreadAtMs = jitter === undefined ? nowMs : nowMs + jitter * times.periodMs;
  const done = kind === 'startup' && succeeded;
  return {
    verdict: succeeded || kind === 'liveness' ? 'success' : initialVerdict[kind],
    last: undefined,
    run: 0,
    nextAtMs: done ? undefined : Math.max(firstAtMs, spreadAtMs),
    countsFromMs: kind === 'startup' ? firstFailureAtMs : startedAtMs,
  };
}

const initialVerdict = { startup: 'unknown', readiness: 'failure' } as const;

/** The state after a run of the probe that began at `beganAtMs` and has ended now. */
export function afterProbe(
  state: ProbeState,
  { kind, times }: Pick<FirstSight, 'kind' | 'times'>,
  outcome: { result: ProbeOutcome['result']; beganAtMs: number; nowMs: number },
): ProbeState {
  const { beganAtMs, nowMs } = outcome;
  const nextAtMs = Math.max(beganAtMs + times.periodMs, nowMs);
  if (outcome.result === 'error') return { ...state, nextAtMs };
  const result = outcome.result === 'failure' ? 'failure' : 'success';
  if (isTooEarly(state, outcome)) return { ...state, nextAtMs: state.countsFromMs };
  const run = state.last === result ? state.run + 1 : 1;
  const counted = { ...state, last: result, run, nextAtMs } as const;
  const threshold = result === 'failure' ? times.failureThreshold : times.successThreshold;
  if (run < threshold) return counted;
  const settled =
    (kind === 'startup' && result === 'success') || (kind !== 'readiness' && result === 'failure');
  return { ...counted, verdict: result, nextAtMs: settled ? undefined : nextAtMs };
}

/** Whether an outcome is a failure that doesn't count yet. */
export function isTooEarly(
  state: ProbeState,
  outcome: { result: ProbeOutcome['result']; beganAtMs: number },
): boolean {
  return outcome.result === 'failure' && outcome.beganAtMs < state.countsFromMs;
}

/** Kubelet: a pod that ends is no longer killed for its health, and counts as healthy. */
export function quietState(state: ProbeState): ProbeState {
  return { ...state, verdict: 'success', nextAtMs: undefined };
}
