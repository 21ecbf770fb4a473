import type { NodeReport } from '../../protocol/report.ts';
import type { Observation, Observations } from './observe-signals.ts';
import { limitOf, resolvedAt, type Signal, type Threshold } from './thresholds.ts';

export type PressureType = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** A threshold that was crossed, and by what. */
export interface CrossedThreshold {
  readonly threshold: Threshold;
  readonly observation: Observation;
}

/** Which kinds of pressure there are, and when each was last seen. */
export type PressureState = ReadonlyMap<PressureType, number>;

/** The pressure that a signal means. */
export function pressureOf(signal: Signal): PressureType {
  if (signal === 'memory.available') return 'MemoryPressure';
  return signal === 'pid.available' ? 'PIDPressure' : 'DiskPressure';
}

/** Since when each threshold has been crossed without a break. */
export type CrossedSince = ReadonlyMap<Threshold, number>;

/**
 * Memory first, as a kubelet: it runs out fastest. A filesystem without inodes to count has no threshold
 * for them. Those in `before` are crossed until their minimum reclaim is free, too.
 * Source: kubelet, pkg/kubelet/eviction/helpers.go, thresholdsMet.
 */
export function crossedThresholds(
  thresholds: readonly Threshold[],
  observations: Observations,
  before: CrossedSince = new Map(),
): CrossedThreshold[] {
  return thresholds
    .map((threshold) => ({ threshold, observation: observations[threshold.signal] }))
    .filter(({ threshold, observation: { available, capacity } }) => {
      const wanted = before.has(threshold) ? resolvedAt : limitOf;
      return capacity > 0 && available < wanted(threshold, capacity);
    })
    .sort((a, b) => order(a.threshold) - order(b.threshold));
}

/** Forgets the moment of those that are crossed no longer. */
export function nextCrossedSince(
  before: CrossedSince,
  crossed: readonly CrossedThreshold[],
  nowMs: number,
): CrossedSince {
  return new Map(crossed.map(({ threshold }) => [threshold, before.get(threshold) ?? nowMs]));
}

/**
 * Those for which a pod must go now: hard ones at once, soft ones after their grace.
 * Source: kubelet, pkg/kubelet/eviction/helpers.go, thresholdsMetGracePeriod.
 */
export function dueThresholds(
  crossed: readonly CrossedThreshold[],
  since: CrossedSince,
  nowMs: number,
): CrossedThreshold[] {
  return crossed.filter(({ threshold }) => {
    return nowMs - (since.get(threshold) ?? nowMs) >= (threshold.graceMs ?? 0);
  });
}

/** Pressure lasts until none was seen for the transition period, lest it comes and goes with every pod. */
export function nextPressure(
  state: PressureState,
  crossed: readonly CrossedThreshold[],
  { nowMs, transitionMs }: { nowMs: number; transitionMs: number },
): PressureState {
  const next = new Map(Array.from(state).filter(([, seenMs]) => nowMs - seenMs < transitionMs));
  for (const { threshold } of crossed) next.set(pressureOf(threshold.signal), nowMs);
  return next;
}

/** The Node's conditions in a kubelet's words. */
export function pressureConditions(state: PressureState): NodeReport['conditions'] {
  return conditionTexts.map(({ type, yes, no }) => {
    const [reason, message] = state.has(type) ? yes : no;
    return { type, status: state.has(type) ? 'True' : 'False', reason, message };
  });
}

const conditionTexts = [
  {
    type: 'MemoryPressure',
    yes: ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
    no: ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  },
  {
    type: 'DiskPressure',
    yes: ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
    no: ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  },
  {
    type: 'PIDPressure',
    yes: ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
    no: ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  },
] as const;

/** Of one resource the hard threshold comes first, for it leaves less time. */
function order({ signal, graceMs }: Threshold): number {
  return (signal === 'memory.available' ? 0 : 2) + (graceMs === undefined ? 0 : 1);
}
