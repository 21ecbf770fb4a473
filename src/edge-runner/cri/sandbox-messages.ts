import { nested, repeated } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { enumeration, int32, nanoseconds, uint32 } from './proto-numbers.ts';
import { bool, repeatedString, string, stringMap } from './proto-strings.ts';
import { LinuxContainerResources } from './resource-messages.ts';
import { LinuxSandboxSecurityContext, NamespaceOption } from './security-messages.ts';

const protocols = ['TCP', 'UDP', 'SCTP'] as const;
export type Protocol = (typeof protocols)[number];

/** `SANDBOX_NOTREADY` also stands for a state this client does not know. */
const sandboxStates = ['SANDBOX_READY', 'SANDBOX_NOTREADY'] as const;
export type PodSandboxState = (typeof sandboxStates)[number];

export const PodSandboxMetadata = message({
  name: string(1),
  uid: string(2),
  namespace: string(3),
  attempt: uint32(4),
});
export type PodSandboxMetadata = MessageOf<typeof PodSandboxMetadata>;

export const DNSConfig = message({
  servers: repeatedString(1),
  searches: repeatedString(2),
  options: repeatedString(3),
});
export type DNSConfig = MessageOf<typeof DNSConfig>;

export const PortMapping = message({
  protocol: enumeration(1, protocols),
  containerPort: int32(2),
  hostPort: int32(3),
  hostIp: string(4),
});
export type PortMapping = MessageOf<typeof PortMapping>;

export const LinuxPodSandboxConfig = message({
  cgroupParent: string(1),
  securityContext: nested(2, LinuxSandboxSecurityContext),
  sysctls: stringMap(3),
  overhead: nested(4, LinuxContainerResources),
  resources: nested(5, LinuxContainerResources),
});
export type LinuxPodSandboxConfig = MessageOf<typeof LinuxPodSandboxConfig>;

export const PodSandboxConfig = message({
  metadata: nested(1, PodSandboxMetadata),
  hostname: string(2),
  logDirectory: string(3),
  dnsConfig: nested(4, DNSConfig),
  portMappings: repeated(5, PortMapping),
  labels: stringMap(6),
  annotations: stringMap(7),
  linux: nested(8, LinuxPodSandboxConfig),
});
export type PodSandboxConfig = MessageOf<typeof PodSandboxConfig>;

export const RunPodSandboxRequest = message({
  config: nested(1, PodSandboxConfig),
  runtimeHandler: string(2),
});
export type RunPodSandboxRequest = MessageOf<typeof RunPodSandboxRequest>;

export const RunPodSandboxResponse = message({ podSandboxId: string(1) });
export type RunPodSandboxResponse = MessageOf<typeof RunPodSandboxResponse>;

/** StopPodSandbox, RemovePodSandbox and PodSandboxStats are asked with the sandbox's id alone. */
export const PodSandboxRequest = message({ podSandboxId: string(1) });
export type PodSandboxRequest = MessageOf<typeof PodSandboxRequest>;

export const PodSandboxStatusRequest = message({ podSandboxId: string(1), verbose: bool(2) });
export type PodSandboxStatusRequest = MessageOf<typeof PodSandboxStatusRequest>;

export const PodIP = message({ ip: string(1) });
export type PodIP = MessageOf<typeof PodIP>;

export const PodSandboxNetworkStatus = message({
  ip: string(1),
  additionalIps: repeated(2, PodIP),
});
export type PodSandboxNetworkStatus = MessageOf<typeof PodSandboxNetworkStatus>;

export const Namespace = message({ options: nested(2, NamespaceOption) });
export type Namespace = MessageOf<typeof Namespace>;

export const LinuxPodSandboxStatus = message({ namespaces: nested(1, Namespace) });
export type LinuxPodSandboxStatus = MessageOf<typeof LinuxPodSandboxStatus>;

export const PodSandboxStatus = message({
  id: string(1),
  metadata: nested(2, PodSandboxMetadata),
  state: enumeration(3, sandboxStates, 'SANDBOX_NOTREADY'),
  createdAt: nanoseconds(4),
  network: nested(5, PodSandboxNetworkStatus),
  linux: nested(6, LinuxPodSandboxStatus),
  labels: stringMap(7),
  annotations: stringMap(8),
  runtimeHandler: string(9),
});
export type PodSandboxStatus = MessageOf<typeof PodSandboxStatus>;

/** `info` is filled only for a verbose request; its values are JSON. */
export const PodSandboxStatusResponse = message({
  status: nested(1, PodSandboxStatus),
  info: stringMap(2),
});
export type PodSandboxStatusResponse = MessageOf<typeof PodSandboxStatusResponse>;

export const PodSandboxStateValue = message({ state: enumeration(1, sandboxStates) });
export type PodSandboxStateValue = MessageOf<typeof PodSandboxStateValue>;

export const PodSandboxFilter = message({
  id: string(1),
  state: nested(2, PodSandboxStateValue),
  labelSelector: stringMap(3),
});
export type PodSandboxFilter = MessageOf<typeof PodSandboxFilter>;

export const ListPodSandboxRequest = message({ filter: nested(1, PodSandboxFilter) });
export type ListPodSandboxRequest = MessageOf<typeof ListPodSandboxRequest>;

export const PodSandbox = message({
  id: string(1),
  metadata: nested(2, PodSandboxMetadata),
  state: enumeration(3, sandboxStates, 'SANDBOX_NOTREADY'),
  createdAt: nanoseconds(4),
  labels: stringMap(5),
  annotations: stringMap(6),
  runtimeHandler: string(7),
});
export type PodSandbox = MessageOf<typeof PodSandbox>;

export const ListPodSandboxResponse = message({ items: repeated(1, PodSandbox) });
export type ListPodSandboxResponse = MessageOf<typeof ListPodSandboxResponse>;

export const UpdatePodSandboxResourcesRequest = message({
  podSandboxId: string(1),
  overhead: nested(2, LinuxContainerResources),
  resources: nested(3, LinuxContainerResources),
});
export type UpdatePodSandboxResourcesRequest = MessageOf<typeof UpdatePodSandboxResourcesRequest>;
