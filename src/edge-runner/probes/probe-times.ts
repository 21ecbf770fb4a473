import type { Probe } from '../../kube/probe.ts';
import { maxTimerMs } from '../../tunnel/clock.ts';

/** The times and thresholds of a probe, with the API's defaults where it gives none. */
export interface ProbeTimes {
  initialDelayMs: number;
  periodMs: number;
  timeoutSeconds: number;
  timeoutMs: number;
  successThreshold: number;
  failureThreshold: number;
}

export function probeTimes(probe: Probe): ProbeTimes {
  const timeoutSeconds = Math.min(probe.timeoutSeconds || 1, maxTimerSeconds);
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: (probe.periodSeconds || 10) * 1000,
    timeoutSeconds,
    timeoutMs: timeoutSeconds * 1000,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

const maxTimerSeconds = Math.floor(maxTimerMs / 1000);
