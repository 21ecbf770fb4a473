import type { PodStatus } from '../../kube/api.ts';
import { allStatuses } from '../../kube/container-status.ts';
import type { GivenResources } from '../../kube/resize.ts';
import type { ObservedContainer, ObservedPod } from './observed.ts';

/**
 * A pod that this runner sees for the first time, with what its running containers have been given since
 * they were made: the runtime knows only what they were made with, and the last status tells the rest. What
 * it doesn't tell is taken to be as it was, and is given again. `note` learns what was found.
 */
export function recallResizes(
  observed: ObservedPod,
  last: PodStatus | undefined,
  note: (containerId: string, given: GivenResources) => void,
): ObservedPod {
  const told = new Map(allStatuses(last).map((status) => [status.containerID, status]));
  const containers = observed.containers.map((container): ObservedContainer => {
    const resources = told.get(`containerd://${container.id}`)?.resources;
    if (container.state !== 'running' || resources === undefined) return container;
    const pod = last?.resources ?? container.resources?.pod;
    const given = { container: resources, ...(pod === undefined ? {} : { pod }) };
    note(container.id, given);
    return { ...container, resources: given };
  });
  return { ...observed, containers };
}
