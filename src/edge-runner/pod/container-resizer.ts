import type { Container, Pod } from '../../kube/api.ts';
import { linuxResourcesOf } from '../../kube/container-resources.ts';
import { resizable, withResourcesOf } from '../../kube/resize.ts';
import { CriError, isRuntimeGone } from '../cri/cri-error.ts';
import { HostError } from '../host/host-error.ts';
import { newestContainer, type ObservedPod } from './observed.ts';
import type { PodContext } from './pod-context.ts';
import { PodProblem } from './pod-problem.ts';

/**
 * Gives a running container the resources of its spec, and its pod what it then has altogether. A
 * cgroup can't have less than what is in it: while anything changes the pod has the larger of both.
 * @throws PodProblem `ResizeError`; CriError when the runtime is away
 */
export async function resizeContainer(
  context: PodContext,
  { pod, observed }: { pod: Pod; observed: ObservedPod },
  { id, container }: { id: string; container: Container },
): Promise<void> {
  const { cgroups, placed, cri, observer } = context;
  const resources = linuxResourcesOf(container, pod.spec);
  try {
    await cgroups.limit(pod, placed.pods(), asItRuns(pod, observed));
    await cri.updateContainerResources({
      containerId: id,
      linux: {
        cpuShares: resources.cpuShares,
        cpuPeriod: resources.cpuPeriodUs,
        cpuQuota: resources.cpuQuota === 0 ? -1 : resources.cpuQuota,
        memoryLimitInBytes: resources.memoryLimitBytes,
      },
    });
    observer.noteResize(id, resizable(container));
    await cgroups.limit(pod, placed.pods());
  } catch (error) {
    throw problemOf(error);
  }
}

function problemOf(error: unknown): unknown {
  if (error instanceof HostError) return new PodProblem('ResizeError', error.message);
  if (!(error instanceof CriError) || isRuntimeGone(error)) return error;
  return new PodProblem('ResizeError', error.detail, { cause: error });
}

/** The pod with the resources that its containers have now. */
function asItRuns(pod: Pod, observed: ObservedPod): Pod {
  const containers = pod.spec.containers.map((container) => {
    const { resources } = newestContainer(observed, container.name) ?? {};
    return resources === undefined ? container : { ...container, resources };
  });
  return withResourcesOf(pod, { ...pod, spec: { ...pod.spec, containers } });
}
