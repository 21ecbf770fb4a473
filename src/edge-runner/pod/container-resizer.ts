import type { Container, Pod } from '../../kube/api.ts';
import { linuxResourcesOf } from '../../kube/container-resources.ts';
import {
  isOfPodNow,
  resizable,
  resizeOf,
  withResourcesOf,
  type GivenResources,
} from '../../kube/resize.ts';
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
  const { cri, observer } = context;
  const resources = linuxResourcesOf(container, pod.spec);
  try {
    await limitPod(context, pod, observed);
    await cri.updateContainerResources({
      containerId: id,
      linux: {
        cpuShares: resources.cpuShares,
        cpuPeriod: resources.cpuPeriodUs,
        cpuQuota: resources.cpuQuota === 0 ? -1 : resources.cpuQuota,
        memoryLimitInBytes: resources.memoryLimitBytes,
      },
    });
    observer.noteResize(id, { container: resizable(container), pod: resizable(pod.spec) });
    await limitPod(context, pod, observed);
  } catch (error) {
    throw problemOf(error);
  }
}

/**
 * Gives a pod room for a container that starts again with other resources than it had.
 * @throws PodProblem `ResizeError`
 */
export async function resizeBeforeStart(
  context: PodContext,
  { pod, observed }: { pod: Pod; observed: ObservedPod },
  container: Container,
): Promise<void> {
  const has = newestContainer(observed, container.name)?.resources;
  if (has === undefined || resizeOf(container, pod.spec, has) === 'none') return;
  try {
    await limitPod(context, pod, observed);
  } catch (error) {
    throw problemOf(error);
  }
}

/** A pod's cgroup gets what its spec says, and no less than its running containers have. */
async function limitPod(
  { cgroups, placed, observer }: PodContext,
  pod: Pod,
  observed: ObservedPod,
): Promise<void> {
  const given = pod.spec.containers.flatMap(({ name }): [string, GivenResources][] => {
    const newest = newestContainer(observed, name);
    const has = newest?.state === 'running' ? observer.givenTo(newest) : undefined;
    return has === undefined ? [] : [[name, has]];
  });
  await cgroups.limit(pod, placed.pods(), asItRuns(pod, given));
}

function problemOf(error: unknown): unknown {
  if (error instanceof HostError) return new PodProblem('ResizeError', error.message);
  if (!(error instanceof CriError) || isRuntimeGone(error)) return error;
  return new PodProblem('ResizeError', error.detail, { cause: error });
}

/** The pod with the resources that it and its containers have now; of it as long as one container has them. */
function asItRuns(pod: Pod, given: readonly (readonly [string, GivenResources])[]): Pod {
  const containers = pod.spec.containers.map((container) => {
    const [, has] = given.find(([name]) => name === container.name) ?? [];
    return has === undefined ? container : { ...container, resources: has.container };
  });
  const [, old] = given.find(([, has]) => !isOfPodNow(pod.spec, has)) ?? [];
  const resources = old?.pod ?? pod.spec.resources ?? {};
  return withResourcesOf(pod, { ...pod, spec: { ...pod.spec, containers, resources } });
}
