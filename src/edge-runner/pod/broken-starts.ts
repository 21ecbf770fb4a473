import type { PodStatus } from '../../kube/api.ts';
import { allStatuses } from '../../kube/container-status.ts';
import { newestContainer, type ObservedContainer, type ObservedPod } from './observed.ts';

/** What containerd says of a container whose start failed. Source: errorStartReason in its CRI plugin. */
const startFailed = 'StartError';

/**
 * Starts that ended because the runner that had asked for them did. containerd breaks a start off when
 * its client goes away, and calls it failed; a kubelet believes it, and a pod that is never restarted
 * has failed without ever having run. A start that failed by itself was answered, and the pod's status
 * tells of it. So a failed start of which no status tells counts as one that was not made yet, and is
 * made again under the same number. The container may have begun before it was broken off: it is started
 * at least once, not exactly once (as Kubernetes' documentation says of Jobs).
 */
export class BrokenStarts {
  readonly #told: ReadonlySet<string>;
  #found: ReadonlySet<string> | undefined;

  /** `last`: the status that was reported before the runner started, if any. */
  constructor(last: PodStatus | undefined) {
    this.#told = new Set(endsIn(last));
  }

  /**
   * The containers whose start was broken off, at the first look, and none at any later one: what fails
   * from then on this runner is told itself.
   */
  find(observed: ObservedPod): ObservedContainer[] {
    if (this.#found !== undefined) return [];
    const broken = observed.containers.filter(
      (container) =>
        newestContainer(observed, container.name) === container && this.#isBroken(container),
    );
    this.#found = new Set(broken.map(({ id }) => id));
    return broken;
  }

  /**
   * The pod with its broken starts as containers that were made and not started. One that was being
   * started at the first look and runs after all, or has run, is left as it is.
   */
  undo(observed: ObservedPod): ObservedPod {
    const found = this.#found;
    if (found === undefined || found.size === 0) return observed;
    const containers = observed.containers.map((container) =>
      found.has(container.id) && hasNotRun(container)
        ? { ...container, state: 'created' as const }
        : container,
    );
    return { ...observed, containers };
  }

  #isBroken(container: ObservedContainer): boolean {
    return hasNotRun(container) && !this.#told.has(container.id);
  }
}

function hasNotRun({ state, reason }: ObservedContainer): boolean {
  return state === 'created' || (state === 'exited' && reason === startFailed);
}

/** Ids of the containers of whose end a status tells. */
function endsIn(status: PodStatus | undefined): string[] {
  return allStatuses(status)
    .flatMap(({ state, lastState }) => [state.terminated, lastState.terminated])
    .map((end) => end?.containerID?.split('//')[1])
    .filter((id) => id !== undefined);
}
