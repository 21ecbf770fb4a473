import type { Pod } from '../../kube/api.ts';
import type { FailedProbe } from '../probes/pod-probes.ts';
import type { BackOff } from './back-off.ts';
import type { ObservedContainer, ObservedPod } from './observed.ts';

/** One thing to do for a pod; the worker carries it out and then plans again. */
export type PodStep =
  /** `replaces`: the pod had a sandbox before, and what is left of it goes first. */
  | { type: 'create-sandbox'; attempt: number; replaces: boolean }
  | { type: 'start-container'; name: string; attempt: number }
  /**
   * `graceSeconds`: where it isn't the pod's. `restartAs`: the attempt under which it starts again,
   * whatever its exit code; absent: its policy decides.
   */
  | {
      type: 'stop-container';
      id: string;
      message: string;
      graceSeconds?: number;
      restartAs?: number;
    }
  | { type: 'resize-container'; id: string; name: string }
  /** All but ephemeral containers are killed and removed; `trigger` is the one that has ended. */
  | { type: 'restart-all'; trigger: string }
  | { type: 'remove-container'; id: string; logPath: string }
  | { type: 'remove-sandbox'; id: string };

/** Key of the sandbox among the names of containers in `PlanInput.notBeforeMs`. */
export const sandboxKey = '';

/** Key of a container's resize among the names of containers in `PlanInput.notBeforeMs`. */
export function resizeKey(containerName: string): string {
  return `resize/${containerName}`;
}

export interface PodPlan {
  steps: PodStep[];
  /** When to plan again although nothing happened. */
  wakeAtMs?: number;
  /** Containers that wait for their back-off, with the delay that applies. */
  waiting: Map<string, BackOff>;
}

export interface PlanInput {
  pod: Pod;
  observed: ObservedPod;
  /** Restart back-off by container name. */
  restartBackOff: ReadonlyMap<string, BackOff>;
  /** Containers whose image can't be had yet or whose configuration is wrong, and until when. */
  notBeforeMs: ReadonlyMap<string, number>;
  /** Newest attempt of containers that have run, by name: the runtime may know them no more. */
  lastAttempts: ReadonlyMap<string, number>;
  /** Whether a running container has passed its startup probe; absent: all have. */
  isStarted?: (container: ObservedContainer) => boolean;
  /** The liveness or startup probe that a running container has failed, by its id. */
  failedProbe?: (containerId: string) => FailedProbe | undefined;
  /** On the clock of `endedAtMs`, as all times here. */
  nowMs: number;
}
