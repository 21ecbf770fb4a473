import { nested, repeated } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { enumeration } from './proto-numbers.ts';
import { bool, string, stringMap } from './proto-strings.ts';

const cgroupDrivers = ['SYSTEMD', 'CGROUPFS'] as const;
export type CgroupDriver = (typeof cgroupDrivers)[number];

/** A request or response without fields. */
export const Empty = message({});

export const VersionRequest = message({ version: string(1) });
export type VersionRequest = MessageOf<typeof VersionRequest>;

export const VersionResponse = message({
  version: string(1),
  runtimeName: string(2),
  runtimeVersion: string(3),
  runtimeApiVersion: string(4),
});
export type VersionResponse = MessageOf<typeof VersionResponse>;

export const StatusRequest = message({ verbose: bool(1) });
export type StatusRequest = MessageOf<typeof StatusRequest>;

/** `type` is `RuntimeReady`, `NetworkReady` or one of the runtime's own. */
export const RuntimeCondition = message({
  type: string(1),
  status: bool(2),
  reason: string(3),
  message: string(4),
});
export type RuntimeCondition = MessageOf<typeof RuntimeCondition>;

export const RuntimeStatus = message({ conditions: repeated(1, RuntimeCondition) });
export type RuntimeStatus = MessageOf<typeof RuntimeStatus>;

export const RuntimeHandlerFeatures = message({
  recursiveReadOnlyMounts: bool(1),
  userNamespaces: bool(2),
});
export type RuntimeHandlerFeatures = MessageOf<typeof RuntimeHandlerFeatures>;

export const RuntimeHandler = message({
  name: string(1),
  features: nested(2, RuntimeHandlerFeatures),
});
export type RuntimeHandler = MessageOf<typeof RuntimeHandler>;

export const RuntimeFeatures = message({
  supplementalGroupsPolicy: bool(1),
  userNamespacesHostNetwork: bool(2),
});
export type RuntimeFeatures = MessageOf<typeof RuntimeFeatures>;

/** `info` is filled only for a verbose request; its values are JSON. */
export const StatusResponse = message({
  status: nested(1, RuntimeStatus),
  info: stringMap(2),
  runtimeHandlers: repeated(3, RuntimeHandler),
  features: nested(4, RuntimeFeatures),
});
export type StatusResponse = MessageOf<typeof StatusResponse>;

export const NetworkConfig = message({ podCidr: string(1) });
export type NetworkConfig = MessageOf<typeof NetworkConfig>;

export const RuntimeConfig = message({ networkConfig: nested(1, NetworkConfig) });
export type RuntimeConfig = MessageOf<typeof RuntimeConfig>;

export const UpdateRuntimeConfigRequest = message({ runtimeConfig: nested(1, RuntimeConfig) });
export type UpdateRuntimeConfigRequest = MessageOf<typeof UpdateRuntimeConfigRequest>;

export const LinuxRuntimeConfiguration = message({ cgroupDriver: enumeration(1, cgroupDrivers) });
export type LinuxRuntimeConfiguration = MessageOf<typeof LinuxRuntimeConfiguration>;

export const RuntimeConfigResponse = message({ linux: nested(1, LinuxRuntimeConfiguration) });
export type RuntimeConfigResponse = MessageOf<typeof RuntimeConfigResponse>;
