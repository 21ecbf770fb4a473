import { isExtendedResource } from './extended-resources.ts';
import {
  anything,
  fields,
  flag,
  listOf,
  number,
  oneOf,
  quantities,
  quantity,
  text,
  type FieldRule,
} from './field-rules.ts';
import { signalNumber } from './signals.ts';

const keySelector = fields({ name: text, key: text, optional: flag }, ['key']);
const objectReference = fields({ name: text, optional: flag });

/** `fieldRef` of the downward API. */
export const fieldRefRule: FieldRule = fields({ apiVersion: oneOf('v1'), fieldPath: text }, [
  'fieldPath',
]);

/** `resourceFieldRef` of the downward API. */
export const resourceFieldRefRule: FieldRule = fields(
  { containerName: text, resource: text, divisor: quantity },
  ['resource'],
);

const envRule = fields(
  {
    name: text,
    value: text,
    valueFrom: fields({
      fieldRef: fieldRefRule,
      resourceFieldRef: resourceFieldRefRule,
      configMapKeyRef: keySelector,
      secretKeyRef: keySelector,
      fileKeyRef: fields({ volumeName: text, path: text, key: text, optional: flag }, [
        ...['volumeName', 'path', 'key'],
      ]),
    }),
  },
  ['name'],
);

const envFromRule = fields({
  prefix: text,
  configMapRef: objectReference,
  secretRef: objectReference,
});

/** An extended resource is only counted, as by a kubelet that has no plugin for it. */
const isKnown = (resource: string): boolean =>
  ['cpu', 'memory', 'ephemeral-storage'].includes(resource) ||
  resource.startsWith('hugepages-') ||
  isExtendedResource(resource);

/** Of a container, or of a pod as a whole. */
export const resourcesRule: FieldRule = fields({
  requests: quantities(isKnown),
  limits: quantities(isKnown),
});

const portRule = fields(
  {
    name: text,
    containerPort: number,
    hostPort: number,
    hostIP: text,
    protocol: oneOf('TCP', 'UDP', 'SCTP'),
  },
  ['containerPort'],
);

const volumeMountRule = fields(
  {
    name: text,
    mountPath: text,
    readOnly: flag,
    recursiveReadOnly: oneOf('Disabled', 'IfPossible', 'Enabled'),
    subPath: text,
    subPathExpr: text,
    mountPropagation: oneOf('None', 'HostToContainer', 'Bidirectional'),
  },
  ['name', 'mountPath'],
);

/** A profile of seccomp or AppArmor. */
export const profileRule: FieldRule = fields({
  type: oneOf('RuntimeDefault', 'Unconfined', 'Localhost'),
  localhostProfile: text,
});

export const seLinuxRule: FieldRule = fields({ user: text, role: text, type: text, level: text });

const securityContextRule = fields({
  runAsUser: number,
  runAsGroup: number,
  runAsNonRoot: flag,
  privileged: flag,
  readOnlyRootFilesystem: flag,
  allowPrivilegeEscalation: flag,
  capabilities: fields({ add: listOf(text), drop: listOf(text) }),
  procMount: oneOf('Default', 'Unmasked'),
  seccompProfile: profileRule,
  appArmorProfile: profileRule,
  seLinuxOptions: seLinuxRule,
});

/** A port by its number or by the name of one of the container's. */
const portReference: FieldRule = {
  check: (value, path, problems) => {
    if (typeof value !== 'number') text.check(value, path, problems);
  },
};

const execRule = fields({ command: listOf(text) });
const tcpSocketRule = fields({ host: text, port: portReference }, ['port']);
const httpGetRule = fields(
  {
    host: text,
    httpHeaders: listOf(fields({ name: text, value: text }, ['name'])),
    path: text,
    port: portReference,
    scheme: oneOf('HTTP', 'HTTPS'),
  },
  ['port'],
);

const probeRule = fields({
  exec: execRule,
  failureThreshold: number,
  grpc: fields({ port: number, service: text }, ['port']),
  httpGet: httpGetRule,
  initialDelaySeconds: number,
  periodSeconds: number,
  successThreshold: number,
  tcpSocket: tcpSocketRule,
  terminationGracePeriodSeconds: number,
  timeoutSeconds: number,
});

const hookRule = fields({
  exec: execRule,
  httpGet: httpGetRule,
  sleep: fields({ seconds: number }, ['seconds']),
  tcpSocket: tcpSocketRule,
});

const restartRule = fields(
  {
    action: oneOf('Restart', 'RestartAllContainers'),
    exitCodes: fields({ operator: oneOf('In', 'NotIn'), values: listOf(number) }),
  },
  ['action'],
);

const signalRule: FieldRule = {
  check: (value, path, problems) => {
    if (typeof value === 'string' && signalNumber(value) !== undefined) return;
    problems.push({ path, reason: 'must be the name of a signal' });
  },
};

const containerFields = {
  name: text,
  image: text,
  imagePullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  command: listOf(text),
  args: listOf(text),
  workingDir: text,
  ports: listOf(portRule),
  env: listOf(envRule),
  envFrom: listOf(envFromRule),
  resources: resourcesRule,
  /** Speaks only of changes to `resources` while the container runs. */
  resizePolicy: anything,
  volumeMounts: listOf(volumeMountRule),
  securityContext: securityContextRule,
  livenessProbe: probeRule,
  readinessProbe: probeRule,
  startupProbe: probeRule,
  lifecycle: fields({ postStart: hookRule, preStop: hookRule, stopSignal: signalRule }),
  stdin: flag,
  stdinOnce: flag,
  tty: flag,
  terminationMessagePath: text,
  terminationMessagePolicy: oneOf('File', 'FallbackToLogsOnError'),
  restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
  restartPolicyRules: listOf(restartRule),
};

/** The fields of a container that Towline honours. */
export const containerRule: FieldRule = fields(containerFields, ['name']);

/** The fields of an init container that Towline honours. */
export const initContainerRule: FieldRule = containerRule;

/** The fields of an ephemeral container that Towline honours. */
export const ephemeralContainerRule: FieldRule = fields(
  { ...containerFields, targetContainerName: text },
  ['name'],
);
