import type { Pod, PodSpec } from '../../kube/api.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import { unsupportedFields } from '../../kube/unsupported.ts';
import type { PodEvents } from './event-recorder.ts';
import type { ObservedPod } from './observed.ts';
import { formProblem, identityOnly } from './pod-form.ts';
import type { PodRejection } from './pod-status.ts';

/**
 * Decides whether this device can run a pod. What it can't read or doesn't support it refuses before
 * anything of the pod was started; of a running pod it ignores such a change.
 */
export class PodAdmission {
  readonly #misfit: Misfit | undefined;
  #malformed: string | undefined;
  #checked: PodSpec | undefined;

  /** `misfit`: why the device has no place for the pod, if it has none. */
  constructor(misfit?: Misfit) {
    this.#misfit = misfit;
  }

  /** The pod to work with: `pod` itself, or without its spec when that can't be read. */
  first(pod: Pod): Pod {
    this.#malformed = formProblem(pod);
    return this.#malformed === undefined ? pod : identityOnly(pod);
  }

  /** The pod to work with from now on: a spec that can't be read leaves the one before in force. */
  next(pod: Pod, before: Pod, events: PodEvents): Pod {
    const problem = formProblem(pod);
    if (problem === undefined || this.#malformed !== undefined) return this.first(pod);
    events.record('Warning', 'InvalidPodSpec', `Change was ignored: ${problem}`);
    const { deletionTimestamp } = identityOnly(pod).metadata;
    if (deletionTimestamp === undefined) return before;
    return { ...before, metadata: { ...before.metadata, deletionTimestamp } };
  }

  /** Why the pod is refused, if it is. */
  rejection(pod: Pod, observed: ObservedPod, events: PodEvents): PodRejection | undefined {
    if (this.#malformed !== undefined) {
      return rejected('InvalidPodSpec', this.#malformed);
    }
    if (this.#checked === pod.spec) return undefined;
    const isNew = this.#checked === undefined;
    this.#checked = pod.spec;
    const untouched = observed.sandboxes.length === 0 && observed.containers.length === 0;
    if (isNew && untouched && this.#misfit !== undefined) {
      const { reason, message } = this.#misfit;
      return rejected(reason, message);
    }
    const fields = unsupportedFields(pod);
    if (fields.length === 0) return undefined;
    const list = fields.map(({ path, reason }) => `${path} (${reason})`).join(', ');
    const why = `this site's runner doesn't support ${list}`;
    if (observed.containers.length === 0) {
      return rejected('UnsupportedPodSpec', why);
    }
    // What is asked of a pod that already runs, such as an ephemeral container, doesn't end it.
    events.record('Warning', 'UnsupportedPodSpec', `Change was ignored: ${why}`);
    return undefined;
  }
}

function rejected(reason: string, why: string): PodRejection {
  return { reason, message: `Pod was rejected: ${why}`, event: why };
}
