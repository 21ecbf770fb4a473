import type { NodeReport } from '../../protocol/report.ts';
import type { Observation, Observations } from './observe-signals.ts';
import { limitOf, type Signal, type Threshold } from './thresholds.ts';

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

/** Memory first, as a kubelet: it runs out fastest. A filesystem without inodes to count has no threshold for them. */
export function crossedThresholds(
  thresholds: readonly Threshold[],
  observations: Observations,
): CrossedThreshold[] {
  return thresholds
    .map((threshold) => ({ threshold, observation: observations[threshold.signal] }))
    .filter(
      ({ threshold, observation: { available, capacity } }) =>
        capacity > 0 && available < limitOf(threshold, capacity),
    )
    .sort((a, b) => order(a.threshold.signal) - order(b.threshold.signal));
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

function order(signal: Signal): number {
  return signal === 'memory.available' ? 0 : 1;
}
