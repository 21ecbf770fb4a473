import { nested, repeated, repeatedInt64 } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { enumeration, uint32 } from './proto-numbers.ts';
import { bool, repeatedString, string } from './proto-strings.ts';
import { Int64Value } from './resource-messages.ts';

const namespaceModes = ['POD', 'CONTAINER', 'NODE', 'TARGET'] as const;
export type NamespaceMode = (typeof namespaceModes)[number];

const supplementalGroupsPolicies = ['Merge', 'Strict'] as const;
export type SupplementalGroupsPolicy = (typeof supplementalGroupsPolicies)[number];

const profileTypes = ['RuntimeDefault', 'Unconfined', 'Localhost'] as const;
export type ProfileType = (typeof profileTypes)[number];

export const IDMapping = message({ hostId: uint32(1), containerId: uint32(2), length: uint32(3) });
export type IDMapping = MessageOf<typeof IDMapping>;

export const UserNamespace = message({
  mode: enumeration(1, namespaceModes),
  uids: repeated(2, IDMapping),
  gids: repeated(3, IDMapping),
});
export type UserNamespace = MessageOf<typeof UserNamespace>;

export const NamespaceOption = message({
  network: enumeration(1, namespaceModes),
  pid: enumeration(2, namespaceModes),
  ipc: enumeration(3, namespaceModes),
  targetId: string(4),
  usernsOptions: nested(5, UserNamespace),
});
export type NamespaceOption = MessageOf<typeof NamespaceOption>;

export const SELinuxOption = message({
  user: string(1),
  role: string(2),
  type: string(3),
  level: string(4),
});
export type SELinuxOption = MessageOf<typeof SELinuxOption>;

/** `localhostRef`: an absolute path for seccomp, a profile's name for AppArmor. */
export const SecurityProfile = message({
  profileType: enumeration(1, profileTypes),
  localhostRef: string(2),
});
export type SecurityProfile = MessageOf<typeof SecurityProfile>;

/** Capability names without the prefix `CAP_`, or `ALL`. */
export const Capability = message({
  addCapabilities: repeatedString(1),
  dropCapabilities: repeatedString(2),
  addAmbientCapabilities: repeatedString(3),
});
export type Capability = MessageOf<typeof Capability>;

/** `seccompProfilePath` is the old form of `seccomp`, for runtimes that know only that one. */
export const LinuxSandboxSecurityContext = message({
  namespaceOptions: nested(1, NamespaceOption),
  selinuxOptions: nested(2, SELinuxOption),
  runAsUser: nested(3, Int64Value),
  readonlyRootfs: bool(4),
  supplementalGroups: repeatedInt64(5),
  privileged: bool(6),
  seccompProfilePath: string(7),
  runAsGroup: nested(8, Int64Value),
  seccomp: nested(9, SecurityProfile),
  apparmor: nested(10, SecurityProfile),
  supplementalGroupsPolicy: enumeration(11, supplementalGroupsPolicies),
});
export type LinuxSandboxSecurityContext = MessageOf<typeof LinuxSandboxSecurityContext>;

/** `apparmorProfile` and `seccompProfilePath` are the old forms of `apparmor` and `seccomp`. */
export const LinuxContainerSecurityContext = message({
  capabilities: nested(1, Capability),
  privileged: bool(2),
  namespaceOptions: nested(3, NamespaceOption),
  selinuxOptions: nested(4, SELinuxOption),
  runAsUser: nested(5, Int64Value),
  runAsUsername: string(6),
  readonlyRootfs: bool(7),
  supplementalGroups: repeatedInt64(8),
  apparmorProfile: string(9),
  seccompProfilePath: string(10),
  noNewPrivs: bool(11),
  runAsGroup: nested(12, Int64Value),
  maskedPaths: repeatedString(13),
  readonlyPaths: repeatedString(14),
  seccomp: nested(15, SecurityProfile),
  apparmor: nested(16, SecurityProfile),
  supplementalGroupsPolicy: enumeration(17, supplementalGroupsPolicies),
});
export type LinuxContainerSecurityContext = MessageOf<typeof LinuxContainerSecurityContext>;
