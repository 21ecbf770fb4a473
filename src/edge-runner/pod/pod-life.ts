import type { PodStatus } from '../../kube/api.ts';
import { hasEnded, type PodRejection } from './pod-status.ts';

/** Where a pod is in its life on this device. It only ever goes down this list. */
export type Life =
  /** It is being brought up, or runs. */
  | { kind: 'running' }
  /** Ended by itself or failed as a whole; what is left is its status and its logs. */
  | { kind: 'ended'; rejection: PodRejection | undefined }
  /** Nobody wants it any more: it is being stopped and cleaned up. */
  | { kind: 'ending'; rejection: PodRejection | undefined }
  /** Nothing is left of it on the device; only the cloud's word is awaited. */
  | { kind: 'gone' };

/** What decides how a pod's life goes on. */
export interface LifeFacts {
  /** It was deleted, or is no longer desired. */
  unwanted: boolean;
  /** Why this device must not run it, or not any longer. */
  rejection: PodRejection | undefined;
  /** Its containers have ended and none starts again. */
  finished: boolean;
}

/** Where a pod is that was last reported like this, before the runner started. */
export function lifeAfter(last: PodStatus | undefined): Life {
  if (!hasEnded(last)) return { kind: 'running' };
  const { phase, reason, message = '' } = last ?? {};
  const rejected = phase === 'Failed' && reason !== undefined;
  return { kind: 'ended', rejection: rejected ? { reason, message } : undefined };
}

/** The one transition of a pod's life. `gone` is reached by cleaning up, not by facts. */
export function nextLife(life: Life, facts: LifeFacts): Life {
  switch (life.kind) {
    case 'running':
      if (facts.unwanted) return { kind: 'ending', rejection: undefined };
      if (facts.rejection !== undefined) return { kind: 'ended', rejection: facts.rejection };
      return facts.finished ? { kind: 'ended', rejection: undefined } : life;
    case 'ended':
      return facts.unwanted ? { kind: 'ending', rejection: life.rejection } : life;
    case 'ending':
    case 'gone':
      return life;
  }
}
