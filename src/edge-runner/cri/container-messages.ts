import { ImageSpec } from './image-messages.ts';
import { nested, repeated, repeatedInt64 } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { enumeration, int32, int64, nanoseconds, uint32 } from './proto-numbers.ts';
import { bool, repeatedString, string, stringMap } from './proto-strings.ts';
import { LinuxContainerResources } from './resource-messages.ts';
import { PodSandboxConfig } from './sandbox-messages.ts';
import { IDMapping, LinuxContainerSecurityContext } from './security-messages.ts';
import { signals } from './signals.ts';

const propagations = [
  'PROPAGATION_PRIVATE',
  'PROPAGATION_HOST_TO_CONTAINER',
  'PROPAGATION_BIDIRECTIONAL',
] as const;
export type MountPropagation = (typeof propagations)[number];

const containerStates = [
  'CONTAINER_CREATED',
  'CONTAINER_RUNNING',
  'CONTAINER_EXITED',
  'CONTAINER_UNKNOWN',
] as const;
export type ContainerState = (typeof containerStates)[number];

export const ContainerMetadata = message({ name: string(1), attempt: uint32(2) });
export type ContainerMetadata = MessageOf<typeof ContainerMetadata>;

export const KeyValue = message({ key: string(1), value: string(2) });
export type KeyValue = MessageOf<typeof KeyValue>;

/** Either `hostPath` or `image` is the source. */
export const Mount = message({
  containerPath: string(1),
  hostPath: string(2),
  readonly: bool(3),
  selinuxRelabel: bool(4),
  propagation: enumeration(5, propagations),
  uidMappings: repeated(6, IDMapping),
  gidMappings: repeated(7, IDMapping),
  recursiveReadOnly: bool(8),
  image: nested(9, ImageSpec),
  imageSubPath: string(10),
});
export type Mount = MessageOf<typeof Mount>;

/** `permissions`: some of `r`, `w` and `m` (make device files). */
export const Device = message({
  containerPath: string(1),
  hostPath: string(2),
  permissions: string(3),
});
export type Device = MessageOf<typeof Device>;

export const CDIDevice = message({ name: string(1) });
export type CDIDevice = MessageOf<typeof CDIDevice>;

export const LinuxContainerConfig = message({
  resources: nested(1, LinuxContainerResources),
  securityContext: nested(2, LinuxContainerSecurityContext),
});
export type LinuxContainerConfig = MessageOf<typeof LinuxContainerConfig>;

/** `logPath` is relative to the sandbox's `logDirectory`. */
export const ContainerConfig = message({
  metadata: nested(1, ContainerMetadata),
  image: nested(2, ImageSpec),
  command: repeatedString(3),
  args: repeatedString(4),
  workingDir: string(5),
  envs: repeated(6, KeyValue),
  mounts: repeated(7, Mount),
  devices: repeated(8, Device),
  labels: stringMap(9),
  annotations: stringMap(10),
  logPath: string(11),
  stdin: bool(12),
  stdinOnce: bool(13),
  tty: bool(14),
  linux: nested(15, LinuxContainerConfig),
  cdiDevices: repeated(17, CDIDevice),
  stopSignal: enumeration(18, signals),
});
export type ContainerConfig = MessageOf<typeof ContainerConfig>;

/** `sandboxConfig` is the one that the sandbox was made with. */
export const CreateContainerRequest = message({
  podSandboxId: string(1),
  config: nested(2, ContainerConfig),
  sandboxConfig: nested(3, PodSandboxConfig),
});
export type CreateContainerRequest = MessageOf<typeof CreateContainerRequest>;

export const CreateContainerResponse = message({ containerId: string(1) });
export type CreateContainerResponse = MessageOf<typeof CreateContainerResponse>;

/** StartContainer, RemoveContainer, ReopenContainerLog and ContainerStats are asked with the id alone. */
export const ContainerRequest = message({ containerId: string(1) });
export type ContainerRequest = MessageOf<typeof ContainerRequest>;

/** `timeout` is the grace period in seconds; 0 kills at once. */
export const StopContainerRequest = message({ containerId: string(1), timeout: int64(2) });
export type StopContainerRequest = MessageOf<typeof StopContainerRequest>;

export const ContainerStateValue = message({ state: enumeration(1, containerStates) });
export type ContainerStateValue = MessageOf<typeof ContainerStateValue>;

export const ContainerFilter = message({
  id: string(1),
  state: nested(2, ContainerStateValue),
  podSandboxId: string(3),
  labelSelector: stringMap(4),
});
export type ContainerFilter = MessageOf<typeof ContainerFilter>;

export const ListContainersRequest = message({ filter: nested(1, ContainerFilter) });
export type ListContainersRequest = MessageOf<typeof ListContainersRequest>;

export const Container = message({
  id: string(1),
  podSandboxId: string(2),
  metadata: nested(3, ContainerMetadata),
  image: nested(4, ImageSpec),
  imageRef: string(5),
  state: enumeration(6, containerStates, 'CONTAINER_UNKNOWN'),
  createdAt: nanoseconds(7),
  labels: stringMap(8),
  annotations: stringMap(9),
  imageId: string(10),
});
export type Container = MessageOf<typeof Container>;

export const ListContainersResponse = message({ containers: repeated(1, Container) });
export type ListContainersResponse = MessageOf<typeof ListContainersResponse>;

export const ContainerStatusRequest = message({ containerId: string(1), verbose: bool(2) });
export type ContainerStatusRequest = MessageOf<typeof ContainerStatusRequest>;

export const LinuxContainerUser = message({
  uid: int64(1),
  gid: int64(2),
  supplementalGroups: repeatedInt64(3),
});
export type LinuxContainerUser = MessageOf<typeof LinuxContainerUser>;

export const ContainerUser = message({ linux: nested(1, LinuxContainerUser) });
export type ContainerUser = MessageOf<typeof ContainerUser>;

export const ContainerResources = message({ linux: nested(1, LinuxContainerResources) });
export type ContainerResources = MessageOf<typeof ContainerResources>;

/** `startedAt` and `finishedAt` are 0n until they happened. */
export const ContainerStatus = message({
  id: string(1),
  metadata: nested(2, ContainerMetadata),
  state: enumeration(3, containerStates, 'CONTAINER_UNKNOWN'),
  createdAt: nanoseconds(4),
  startedAt: nanoseconds(5),
  finishedAt: nanoseconds(6),
  exitCode: int32(7),
  image: nested(8, ImageSpec),
  imageRef: string(9),
  reason: string(10),
  message: string(11),
  labels: stringMap(12),
  annotations: stringMap(13),
  mounts: repeated(14, Mount),
  logPath: string(15),
  resources: nested(16, ContainerResources),
  imageId: string(17),
  user: nested(18, ContainerUser),
  stopSignal: enumeration(19, signals),
});
export type ContainerStatus = MessageOf<typeof ContainerStatus>;

/** `info` is filled only for a verbose request; its values are JSON. */
export const ContainerStatusResponse = message({
  status: nested(1, ContainerStatus),
  info: stringMap(2),
});
export type ContainerStatusResponse = MessageOf<typeof ContainerStatusResponse>;

export const UpdateContainerResourcesRequest = message({
  containerId: string(1),
  linux: nested(2, LinuxContainerResources),
  annotations: stringMap(4),
});
export type UpdateContainerResourcesRequest = MessageOf<typeof UpdateContainerResourcesRequest>;

/** `timeout` in seconds; 0 means the runtime's default. */
export const CheckpointContainerRequest = message({
  containerId: string(1),
  location: string(2),
  timeout: int64(3),
});
export type CheckpointContainerRequest = MessageOf<typeof CheckpointContainerRequest>;
