import type { Container, Pod } from '../../kube/api.ts';
import { bandwidthAnnotations } from '../../kube/bandwidth.ts';
import { sysctlsOf } from '../../kube/sysctls.ts';
import type { InputOf } from '../cri/proto-message.ts';
import type { PodSandboxConfig, PortMapping } from '../cri/sandbox-messages.ts';
import type { NamespaceOption, UserNamespace } from '../cri/security-messages.ts';
import { containersOf } from './pod-containers.ts';
import { podLogDirectory } from './pod-paths.ts';
import { annotations, labels } from './runtime.ts';

export interface SandboxContext {
  site: string;
  attempt: number;
  hostname: string;
  dns: { servers: string[]; searches: string[]; options: string[] } | undefined;
  logRoot: string;
  /** Undefined leaves it to the runtime. */
  cgroupParent: string | undefined;
  /** Undefined leaves the pod the device's users. */
  userNamespace: InputOf<typeof UserNamespace> | undefined;
}

export interface NamespaceContext extends Pick<SandboxContext, 'userNamespace'> {
  targetId?: string | undefined;
}

/** The CRI sandbox of a pod, with a kubelet's labels, annotations and log folder. */
export function sandboxConfig(pod: Pod, context: SandboxContext): InputOf<typeof PodSandboxConfig> {
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  return {
    metadata: { name, namespace, uid, attempt: context.attempt },
    hostname: pod.spec.hostNetwork === true ? '' : context.hostname,
    logDirectory: podLogDirectory(context.logRoot, pod),
    dnsConfig: context.dns,
    portMappings: pod.spec.hostNetwork === true ? [] : portMappings(pod.spec.containers),
    labels: { ...pod.metadata.labels, ...podLabels(pod, context.site) },
    annotations: {
      ...withoutBandwidth(pod.metadata.annotations ?? {}),
      [annotations.terminationGracePeriod]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
    },
    linux: {
      cgroupParent: context.cgroupParent,
      sysctls: sysctlsOf(pod.spec),
      securityContext: {
        namespaceOptions: namespaceOptions(pod, context),
        privileged: containersOf(pod).some((c) => c.securityContext?.privileged === true),
        supplementalGroups: supplementalGroups(pod),
        supplementalGroupsPolicy: pod.spec.securityContext?.supplementalGroupsPolicy,
        selinuxOptions: pod.spec.securityContext?.seLinuxOptions,
        seccomp: { profileType: 'RuntimeDefault' },
        ...runAs(pod),
      },
    },
  };
}

/** containerd allows bursts of 512 MB, which hold nobody to anything: the runner does it itself. */
function withoutBandwidth(given: Record<string, string>): Record<string, string> {
  const own: string[] = Object.values(bandwidthAnnotations);
  return Object.fromEntries(Object.entries(given).filter(([name]) => !own.includes(name)));
}

/** Labels by which a pod's sandboxes and containers are found again. */
export function podLabels(pod: Pod, site: string): Record<string, string> {
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  return {
    [labels.podName]: name,
    [labels.podNamespace]: namespace,
    [labels.podUid]: uid,
    [labels.site]: site,
  };
}

/**
 * Which namespaces the pod's containers share, and with whom. `targetId`: the container whose
 * processes an ephemeral one is to see, where the pod's containers don't see each other's anyway.
 */
export function namespaceOptions(
  pod: Pod,
  { userNamespace, targetId }: NamespaceContext,
): InputOf<typeof NamespaceOption> {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec;
  const pid = hostPID === true ? 'NODE' : shareProcessNamespace === true ? 'POD' : 'CONTAINER';
  const targeted = pid === 'CONTAINER' && targetId !== undefined;
  return {
    network: hostNetwork === true ? 'NODE' : 'POD',
    ipc: hostIPC === true ? 'NODE' : 'POD',
    ...(targeted ? { pid: 'TARGET', targetId } : { pid }),
    ...(userNamespace === undefined ? {} : { usernsOptions: userNamespace }),
  };
}

/** Groups that every process of the pod is in: the pod's supplemental groups and its fsGroup. */
export function supplementalGroups(pod: Pod): number[] {
  const { supplementalGroups: groups = [], fsGroup } = pod.spec.securityContext ?? {};
  return fsGroup === undefined ? groups : [...groups, fsGroup];
}

function runAs(pod: Pod): { runAsUser?: { value: number }; runAsGroup?: { value: number } } {
  const { runAsUser, runAsGroup } = pod.spec.securityContext ?? {};
  return {
    ...(runAsUser === undefined ? {} : { runAsUser: { value: runAsUser } }),
    ...(runAsUser === undefined || runAsGroup === undefined
      ? {}
      : { runAsGroup: { value: runAsGroup } }),
  };
}

function portMappings(containers: readonly Container[]): InputOf<typeof PortMapping>[] {
  return containers
    .flatMap((container) => container.ports ?? [])
    .filter((port) => port.hostPort !== undefined && port.hostPort > 0)
    .map((port) => ({
      containerPort: port.containerPort,
      hostPort: port.hostPort,
      hostIp: port.hostIP,
      protocol: port.protocol ?? 'TCP',
    }));
}
