import type { Pod } from './api.ts';
import {
  containerRule,
  ephemeralContainerRule,
  initContainerRule,
  profileRule,
  resourcesRule,
  seLinuxRule,
} from './container-fields.ts';
import {
  anything,
  fields,
  flag,
  listOf,
  number,
  oneOf,
  text,
  type FieldProblem,
  type FieldRule,
} from './field-rules.ts';
import { volumeRule } from './volume-fields.ts';

/**
 * Everything in a pod that Towline would otherwise silently neglect: each field of the spec that is
 * not on the list of those honoured, unless empty, and annotations that stand for such fields. Also
 * whatever isn't formed as the API says, so that an empty answer vouches for the types in api.ts.
 */
export function unsupportedFields(pod: Pod): FieldProblem[] {
  const problems: FieldProblem[] = [];
  podSpecRule.check(pod.spec, 'spec', problems);
  return problems;
}

/** For the scheduler or the API server; a pod that is bound to a node has them behind it. */
const settledBeforeBinding = {
  affinity: anything,
  nodeSelector: anything,
  preemptionPolicy: anything,
  schedulerName: anything,
  schedulingGates: anything,
  schedulingGroup: anything,
  tolerations: anything,
  topologySpreadConstraints: anything,
  workloadRef: anything,
};

const podSecurityContextRule = fields({
  runAsUser: number,
  runAsGroup: number,
  runAsNonRoot: flag,
  supplementalGroups: listOf(number),
  supplementalGroupsPolicy: oneOf('Merge', 'Strict'),
  fsGroup: number,
  fsGroupChangePolicy: oneOf('Always', 'OnRootMismatch'),
  seccompProfile: profileRule,
  appArmorProfile: profileRule,
  seLinuxChangePolicy: oneOf('Recursive', 'MountOption'),
  seLinuxOptions: seLinuxRule,
  sysctls: listOf(fields({ name: text, value: text }, ['name'])),
});

const dnsConfigRule = fields({
  nameservers: listOf(text),
  searches: listOf(text),
  options: listOf(fields({ name: text, value: text })),
});

/** The fields of a pod's spec that Towline honours. */
export const podSpecRule: FieldRule = fields(
  {
    ...settledBeforeBinding,
    activeDeadlineSeconds: number,
    automountServiceAccountToken: flag,
    containers: listOf(containerRule),
    dnsConfig: dnsConfigRule,
    dnsPolicy: oneOf('Default', 'ClusterFirst', 'ClusterFirstWithHostNet', 'None'),
    enableServiceLinks: flag,
    ephemeralContainers: listOf(ephemeralContainerRule),
    hostAliases: listOf(fields({ ip: text, hostnames: listOf(text) }, ['ip'])),
    hostIPC: flag,
    hostNetwork: flag,
    hostPID: flag,
    hostUsers: flag,
    hostname: text,
    hostnameOverride: text,
    imagePullSecrets: listOf(fields({ name: text })),
    initContainers: listOf(initContainerRule),
    nodeName: text,
    os: fields({ name: text }),
    overhead: anything,
    priority: number,
    priorityClassName: text,
    readinessGates: listOf(fields({ conditionType: text }, ['conditionType'])),
    resources: resourcesRule,
    restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
    runtimeClassName: text,
    securityContext: podSecurityContextRule,
    serviceAccount: text,
    serviceAccountName: text,
    setHostnameAsFQDN: flag,
    shareProcessNamespace: flag,
    subdomain: text,
    terminationGracePeriodSeconds: number,
    volumes: listOf(volumeRule),
  },
  ['containers'],
);
