import { maxTimerMs } from '../../tunnel/clock.ts';

/** The least time that a runtime gets for a pod that must give way, however short its grace. */
const minTimeoutSeconds = 10;

/** The event of a pod that still runs then. */
export const exceededGracePeriod = [
  'Warning',
  'ExceededGracePeriod',
  'Container runtime did not kill the pod within specified grace period.',
] as const;

/**
 * Tells once of a pod that must give way, or whose device goes down, and still runs long after its
 * grace. A pod that is deleted isn't watched (kubelet: `killPodNow`).
 */
export class KillWatch {
  readonly #tell: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  start(graceSeconds: number): void {
    this.stop();
    const delayMs = Math.min(killTimeoutSeconds(graceSeconds) * 1000, maxTimerMs);
    this.#timer = setTimeout(this.#tell, delayMs);
  }

  /** Nothing of the pod runs any more, or the runner ends. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Half as long again as the grace, in whole seconds. */
export function killTimeoutSeconds(graceSeconds: number): number {
  return Math.max(minTimeoutSeconds, graceSeconds + Math.floor(graceSeconds / 2));
}
