import type { Container, Pod } from '../../kube/api.ts';
import { linuxResourcesOf } from '../../kube/container-resources.ts';
import { oomScoreAdjust } from '../../kube/oom-score.ts';
import type { ContainerConfig, LinuxContainerConfig, Mount } from '../cri/container-messages.ts';
import type { Image } from '../cri/image-messages.ts';
import type { InputOf } from '../cri/proto-message.ts';
import type { LinuxContainerSecurityContext } from '../cri/security-messages.ts';
import { containerHash } from './container-hash.ts';
import { PodProblem } from './pod-problem.ts';
import { containerLogPath } from './pod-paths.ts';
import { annotations, labels } from './runtime.ts';
import { namespaceOptions, podLabels, supplementalGroups } from './sandbox-config.ts';

export interface ContainerContext {
  site: string;
  attempt: number;
  image: Image;
  command: string[];
  args: string[];
  env: { name: string; value: string }[];
  mounts: InputOf<typeof Mount>[];
  terminationMessageFile: string;
  nodeMemoryBytes: number;
  /** Id of the container whose processes an ephemeral container sees. */
  targetId?: string | undefined;
}

/**
 * The CRI container of a pod's container, with a kubelet's labels and annotations.
 * @throws PodProblem `CreateContainerConfigError` when `runAsNonRoot` can't be kept.
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
    mounts: context.mounts,
    labels: { ...podLabels(pod, context.site), [labels.containerName]: container.name },
    annotations: {
      [annotations.hash]: containerHash(container),
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
    linux: linuxConfig(pod, container, context),
  };
}

function linuxConfig(
  pod: Pod,
  container: Container,
  context: ContainerContext,
): InputOf<typeof LinuxContainerConfig> {
  const resources = linuxResourcesOf(container);
  return {
    resources: {
      cpuShares: resources.cpuShares,
      cpuQuota: resources.cpuQuota,
      cpuPeriod: resources.cpuPeriodUs,
      memoryLimitInBytes: resources.memoryLimitBytes,
      oomScoreAdj: oomScoreAdjust(pod, container, context.nodeMemoryBytes),
    },
    securityContext: securityContext(pod, container, context),
  };
}

function securityContext(
  pod: Pod,
  container: Container,
  context: ContainerContext,
): InputOf<typeof LinuxContainerSecurityContext> {
  const own = container.securityContext ?? {};
  const user = effectiveUser(pod, container, context.image);
  const group = own.runAsGroup ?? pod.spec.securityContext?.runAsGroup;
  const privileged = own.privileged === true;
  return {
    privileged,
    readonlyRootfs: own.readOnlyRootFilesystem,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    capabilities: {
      addCapabilities: own.capabilities?.add,
      dropCapabilities: own.capabilities?.drop,
    },
    supplementalGroups: supplementalGroups(pod),
    namespaceOptions: namespaceOptions(pod, context.targetId),
    seccomp: seccompProfile(pod, container, privileged),
    ...(user.uid === undefined ? {} : { runAsUser: { value: user.uid } }),
    ...(user.uid === undefined && user.name !== '' ? { runAsUsername: user.name } : {}),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
    ...(privileged ? {} : { maskedPaths: [...maskedPaths], readonlyPaths: [...readonlyPaths] }),
  };
}

/** Kubelet: the container's user, else the pod's, else the image's; refused when it must not be root. */
function effectiveUser(
  pod: Pod,
  container: Container,
  image: Image,
): { uid: number | undefined; name: string } {
  const own = container.securityContext ?? {};
  const wanted = own.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const uid = wanted ?? image.uid?.value;
  const nonRoot = own.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot ?? false;
  if (nonRoot && uid === 0) {
    throw new PodProblem(
      'CreateContainerConfigError',
      wanted === undefined
        ? `container has runAsNonRoot and image will run as root (pod: "${podTitle(pod)}", container: ${container.name})`
        : `container's runAsUser breaks non-root policy (pod: "${podTitle(pod)}", container: ${container.name})`,
    );
  }
  if (nonRoot && uid === undefined && image.username !== '') {
    throw new PodProblem(
      'CreateContainerConfigError',
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root (pod: "${podTitle(pod)}", container: ${container.name})`,
    );
  }
  return { uid, name: image.username };
}

function podTitle(pod: Pod): string {
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  return `${name}_${namespace}(${uid})`;
}

function seccompProfile(
  pod: Pod,
  container: Container,
  privileged: boolean,
): InputOf<typeof LinuxContainerSecurityContext>['seccomp'] {
  const profile =
    container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
  if (privileged || profile?.type !== 'RuntimeDefault') return { profileType: 'Unconfined' };
  return { profileType: 'RuntimeDefault' };
}

/** A kubelet's default masked and read-only paths (`procMount: Default`). */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
] as const;

const readonlyPaths = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
] as const;
