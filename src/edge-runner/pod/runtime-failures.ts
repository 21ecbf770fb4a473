import { CriError, isRuntimeGone } from '../cri/cri-error.ts';
import type { PodEvents } from './event-recorder.ts';

/** What a kubelet tells of a runtime that fails in the middle of a pod. */
const titles = {
  FailedSync: 'error determining status',
  FailedKillPod: 'error killing pod',
} as const;

/**
 * Waits for work on a pod, and tells by an event when the runtime fails at it. One that is away is
 * told of at the Node, and work that was given up is no failure. Rejects as the work does.
 */
export async function tellFailure<T>(
  reason: keyof typeof titles,
  events: PodEvents,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CriError && isTold(error)) {
      events.record('Warning', reason, `${titles[reason]}: ${error.detail}`);
    }
    throw error;
  }
}

function isTold(error: CriError): boolean {
  return !isRuntimeGone(error) && error.code !== 'CANCELLED';
}
