import type { Container, Pod } from '../../kube/api.ts';
import { hugePageLimits, linuxResourcesOf } from '../../kube/container-resources.ts';
import { oomScoreAdjust } from '../../kube/oom-score.ts';
import { resizable } from '../../kube/resize.ts';
import type { ContainerConfig, LinuxContainerConfig, Mount } from '../cri/container-messages.ts';
import type { InputOf } from '../cri/proto-message.ts';
import { signals, type Signal } from '../cri/signals.ts';
import { containerHash } from './container-hash.ts';
import { containerLogPath } from './pod-paths.ts';
import { annotations, labels } from './runtime.ts';
import { podLabels } from './sandbox-config.ts';
import { securityContext, type SecurityOptions } from './security-context.ts';

export interface ContainerContext extends SecurityOptions {
  site: string;
  attempt: number;
  command: string[];
  args: string[];
  env: { name: string; value: string }[];
  mounts: InputOf<typeof Mount>[];
  terminationMessageFile: string;
  nodeMemoryBytes: number;
  /** Sizes of huge pages that the device's kernel knows, in bytes. */
  hugePageSizes: readonly number[];
}

/**
 * The CRI container of a pod's container, with a kubelet's labels and annotations.
 * @throws PodProblem as `securityContext`
 */
export function containerConfig(
  pod: Pod,
  container: Container,
  context: ContainerContext,
): InputOf<typeof ContainerConfig> {
  return {
    metadata: { name: container.name, attempt: context.attempt },
    image: { image: context.image.id, userSpecifiedImage: container.image },
    command: context.command,
    args: context.args,
    workingDir: container.workingDir,
    envs: context.env.map(({ name, value }) => ({ key: name, value })),
    mounts: context.mounts.map((mount) => asInside(mount, context)),
    labels: { ...podLabels(pod, context.site), [labels.containerName]: container.name },
    annotations: {
      [annotations.hash]: containerHash(container),
      [annotations.resources]: JSON.stringify(resizable(container)),
      [annotations.podResources]: JSON.stringify(resizable(pod.spec)),
      [annotations.restartCount]: String(context.attempt),
      [annotations.terminationMessagePath]: container.terminationMessagePath ?? '',
      [annotations.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
      [annotations.terminationMessageFile]: context.terminationMessageFile,
      [annotations.terminationGracePeriod]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
    },
    logPath: containerLogPath(container.name, context.attempt),
    stdin: container.stdin,
    stdinOnce: container.stdinOnce,
    tty: container.tty,
    ...stopSignalOf(container),
    linux: linuxConfig(pod, container, context),
  };
}

/** What a mount shows belongs inside to the ids that it has outside, so that nothing is given away. */
function asInside(
  mount: InputOf<typeof Mount>,
  { userNamespace }: ContainerContext,
): InputOf<typeof Mount> {
  if (userNamespace === undefined) return mount;
  const { uids: uidMappings, gids: gidMappings } = userNamespace;
  return { ...mount, uidMappings, gidMappings };
}

/** CRI writes `SIGRTMIN+3` as `SIGRTMINPLUS3`. */
function stopSignalOf({ lifecycle }: Container): { stopSignal?: Signal } {
  const name = lifecycle?.stopSignal?.replace('+', 'PLUS').replace('-', 'MINUS');
  const stopSignal = signals.find((each) => each === name);
  return stopSignal === undefined ? {} : { stopSignal };
}

function linuxConfig(
  pod: Pod,
  container: Container,
  context: ContainerContext,
): InputOf<typeof LinuxContainerConfig> {
  const resources = linuxResourcesOf(container, pod.spec);
  const hugePages = hugePageLimits(container, pod.spec, context.hugePageSizes);
  return {
    resources: {
      cpuShares: resources.cpuShares,
      cpuQuota: resources.cpuQuota,
      cpuPeriod: resources.cpuPeriodUs,
      memoryLimitInBytes: resources.memoryLimitBytes,
      hugepageLimits: hugePages.map(({ pageSize, limitBytes }) => ({
        ...{ pageSize, limit: limitBytes },
      })),
      oomScoreAdj: oomScoreAdjust(pod, container, context.nodeMemoryBytes),
    },
    securityContext: securityContext(pod, container, context),
  };
}
