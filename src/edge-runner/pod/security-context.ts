import type { Container, Pod, SecurityProfile } from '../../kube/api.ts';
import { appArmorProfileOf } from '../../kube/app-armor.ts';
import type { Image } from '../cri/image-messages.ts';
import type { InputOf } from '../cri/proto-message.ts';
import type {
  LinuxContainerSecurityContext,
  SecurityProfile as CriProfile,
} from '../cri/security-messages.ts';
import { PodProblem } from './pod-problem.ts';
import { namespaceOptions, supplementalGroups, type NamespaceContext } from './sandbox-config.ts';
import { seccompPath } from './seccomp-path.ts';

/** `targetId`: of the container whose processes an ephemeral container sees. */
export interface SecurityOptions extends NamespaceContext {
  image: Image;
  /** Folder of the device's own seccomp profiles. */
  seccompRoot: string;
  /** Masked besides a kubelet's constant paths: those of `thermalThrottlePaths`. */
  hotPaths: readonly string[];
}

type ContainerSecurity = InputOf<typeof LinuxContainerSecurityContext>;

/**
 * What a container's and its pod's security context say together, the container's own first.
 * @throws PodProblem `CreateContainerConfigError` when `runAsNonRoot` can't be kept, or a seccomp
 *   profile has no proper path.
 */
export function securityContext(
  pod: Pod,
  container: Container,
  { image, seccompRoot, hotPaths, ...namespaces }: SecurityOptions,
): ContainerSecurity {
  const own = container.securityContext ?? {};
  const whole = pod.spec.securityContext ?? {};
  const user = effectiveUser(pod, container, image);
  const group = own.runAsGroup ?? whole.runAsGroup;
  const privileged = own.privileged === true;
  const masked = !privileged && own.procMount !== 'Unmasked';
  const appArmor = appArmorProfileOf(pod, container);
  return {
    privileged,
    readonlyRootfs: own.readOnlyRootFilesystem,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    capabilities: {
      addCapabilities: own.capabilities?.add,
      dropCapabilities: own.capabilities?.drop,
    },
    supplementalGroups: supplementalGroups(pod),
    supplementalGroupsPolicy: whole.supplementalGroupsPolicy,
    namespaceOptions: namespaceOptions(pod, namespaces),
    selinuxOptions: own.seLinuxOptions ?? whole.seLinuxOptions,
    seccomp: privileged
      ? { profileType: 'Unconfined' }
      : seccompProfile(own.seccompProfile ?? whole.seccompProfile, seccompRoot),
    ...(appArmor === undefined ? {} : { apparmor: appArmorOf(appArmor) }),
    ...(user.uid === undefined ? {} : { runAsUser: { value: user.uid } }),
    ...(user.uid === undefined && user.name !== '' ? { runAsUsername: user.name } : {}),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
    ...(masked
      ? { maskedPaths: [...maskedPaths, ...hotPaths], readonlyPaths: [...readonlyPaths] }
      : {}),
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
  const uid = wanted ?? image.uid?.value ?? (image.username === '' ? 0 : undefined);
  const nonRoot = own.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot ?? false;
  if (nonRoot && uid === 0) {
    throw new PodProblem(
      'CreateContainerConfigError',
      wanted === undefined
        ? `container has runAsNonRoot and image will run as root (pod: "${podTitle(pod)}", container: ${container.name})`
        : `container's runAsUser breaks non-root policy (pod: "${podTitle(pod)}", container: ${container.name})`,
    );
  }
  if (nonRoot && uid === undefined) {
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
  profile: SecurityProfile | undefined,
  root: string,
): InputOf<typeof CriProfile> {
  if (profile?.type === 'RuntimeDefault') return { profileType: 'RuntimeDefault' };
  if (profile?.type !== 'Localhost') return { profileType: 'Unconfined' };
  return { profileType: 'Localhost', localhostRef: seccompPath(root, profile.localhostProfile) };
}

function appArmorOf({ type, localhostProfile }: SecurityProfile): InputOf<typeof CriProfile> {
  return { profileType: type, localhostRef: localhostProfile };
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
