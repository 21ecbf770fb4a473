import t from 'tap';
import type { Pod } from '../../../src/kube/api.ts';
import { unsupportedFields } from '../../../src/kube/unsupported.ts';

/** As an API server stores it: with every default. */
function storedPod(parts: { spec?: object; container?: object; metadata?: object } = {}): Pod {
  return JSON.parse(
    JSON.stringify({
      metadata: { name: 'web', namespace: 'shop', uid: 'u-1', ...parts.metadata },
      spec: {
        containers: [
          {
            name: 'web',
            image: 'nginx',
            imagePullPolicy: 'Always',
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            volumeMounts: [
              {
                mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
                name: 'kube-api-access-x7x2p',
                readOnly: true,
              },
            ],
            ...parts.container,
          },
        ],
        dnsPolicy: 'ClusterFirst',
        enableServiceLinks: true,
        nodeName: 'barn.farm',
        preemptionPolicy: 'PreemptLowerPriority',
        priority: 0,
        restartPolicy: 'Always',
        schedulerName: 'default-scheduler',
        securityContext: {},
        serviceAccount: 'default',
        serviceAccountName: 'default',
        terminationGracePeriodSeconds: 30,
        tolerations: [
          {
            effect: 'NoExecute',
            key: 'node.kubernetes.io/not-ready',
            operator: 'Exists',
            tolerationSeconds: 300,
          },
        ],
        volumes: [
          {
            name: 'kube-api-access-x7x2p',
            projected: {
              defaultMode: 420,
              sources: [
                { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
                {
                  configMap: {
                    items: [{ key: 'ca.crt', path: 'ca.crt' }],
                    name: 'kube-root-ca.crt',
                  },
                },
                {
                  downwardAPI: {
                    items: [
                      {
                        fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
                        path: 'namespace',
                      },
                    ],
                  },
                },
              ],
            },
          },
        ],
        ...parts.spec,
      },
    }),
  ) as Pod;
}

const honoured: Record<string, Parameters<typeof storedPod>[0]> = {
  'kubectl run': {},
  'an older control plane’s token volume': {
    spec: {
      volumes: [
        {
          name: 'default-token-abcde',
          secret: { defaultMode: 420, secretName: 'default-token-abcde' },
        },
      ],
    },
  },
  'probes and hooks': {
    container: {
      startupProbe: { grpc: { port: 9000, service: 'up' }, failureThreshold: 30, periodSeconds: 1 },
      livenessProbe: {
        httpGet: {
          ...{ path: '/', port: 'http', scheme: 'HTTPS', host: '10.0.0.1' },
          httpHeaders: [{ name: 'Host', value: 'x' }],
        },
        terminationGracePeriodSeconds: 5,
      },
      readinessProbe: { tcpSocket: { port: 80 }, initialDelaySeconds: 1, timeoutSeconds: 1 },
      lifecycle: {
        postStart: { exec: { command: ['true'] } },
        preStop: { sleep: { seconds: 3 } },
      },
    },
  },
  'a DaemonSet’s pod': {
    spec: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['barn.farm'] }] },
            ],
          },
        },
      },
    },
  },
  'a Job’s pod': {
    spec: { restartPolicy: 'OnFailure', activeDeadlineSeconds: 60 },
    metadata: {
      annotations: { 'batch.kubernetes.io/job-completion-index': '0' },
      labels: { 'job-name': 'x', 'batch.kubernetes.io/job-completion-index': '0' },
    },
    container: {
      env: [
        {
          name: 'JOB_COMPLETION_INDEX',
          valueFrom: {
            fieldRef: {
              apiVersion: 'v1',
              fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']",
            },
          },
        },
      ],
    },
  },
  'a sidecar and a container to debug with': {
    spec: {
      initContainers: [{ name: 'side', restartPolicy: 'Always' }],
      ephemeralContainers: [{ name: 'debug', targetContainerName: 'web', stdin: true, tty: true }],
    },
  },
  'a StatefulSet’s pod': { spec: { hostname: 'db-0', subdomain: 'db' } },
  'every honoured part of a container': {
    container: {
      command: ['sh'],
      args: ['-c', 'true'],
      workingDir: '/tmp',
      stdin: true,
      stdinOnce: true,
      tty: true,
      env: [
        { name: 'A', value: 'a' },
        { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '0' } } },
        { name: 'C', valueFrom: { configMapKeyRef: { name: 'x', key: 'k', optional: true } } },
        { name: 'D', valueFrom: { secretKeyRef: { name: 'x', key: 'k' } } },
      ],
      envFrom: [
        { prefix: 'P_', configMapRef: { name: 'x' } },
        { secretRef: { name: 'x', optional: true } },
      ],
      resources: {
        limits: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' },
        requests: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' },
      },
      resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
      ports: [
        { name: 'web', containerPort: 80, hostPort: 80, hostIP: '192.0.2.1', protocol: 'UDP' },
      ],
      volumeMounts: [
        { name: 'e', mountPath: '/e', readOnly: true, subPath: 'x', recursiveReadOnly: 'Disabled' },
      ],
      securityContext: {
        runAsUser: 0,
        runAsGroup: 1,
        runAsNonRoot: false,
        privileged: true,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
        procMount: 'Default',
        seccompProfile: { type: 'RuntimeDefault' },
      },
    },
    spec: {
      initContainers: [{ name: 'init', image: 'busybox' }],
      volumes: [
        { name: 'a', emptyDir: {} },
        { name: 'b', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        {
          name: 'c',
          configMap: {
            name: 'x',
            items: [{ key: 'k', path: 'p', mode: 256 }],
            defaultMode: 420,
            optional: true,
          },
        },
        { name: 'd', hostPath: { path: '/var/log', type: '' } },
        { name: 'e', hostPath: { path: '/var/log', type: 'DirectoryOrCreate' } },
        {
          name: 'f',
          downwardAPI: {
            items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }],
            defaultMode: 420,
          },
        },
      ],
      hostNetwork: true,
      hostPID: true,
      hostIPC: true,
      hostUsers: false,
      shareProcessNamespace: true,
      setHostnameAsFQDN: true,
      imagePullSecrets: [{ name: 'x' }],
      hostAliases: [{ ip: '192.0.2.1', hostnames: ['x'] }],
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['192.0.2.1'],
        searches: ['x'],
        options: [{ name: 'ndots', value: '2' }],
      },
      os: { name: 'linux' },
      readinessGates: [{ conditionType: 'x' }],
      securityContext: {
        fsGroup: 1,
        fsGroupChangePolicy: 'Always',
        supplementalGroups: [1],
        runAsUser: 1,
        supplementalGroupsPolicy: 'Strict',
        seccompProfile: { type: 'Localhost', localhostProfile: 'x' },
        appArmorProfile: { type: 'Unconfined' },
        seLinuxOptions: { level: 's0:c1' },
        sysctls: [{ name: 'a', value: 'b' }],
      },
      topologySpreadConstraints: [{ maxSkew: 1 }],
    },
  },
};

void t.test('pods as an API server stores them pass', (t) => {
  for (const [name, parts] of Object.entries(honoured)) {
    t.same(unsupportedFields(storedPod(parts)), [], name);
  }
  t.end();
});

const neglected: [parts: Parameters<typeof storedPod>[0], path: string][] = [
  [
    { container: { livenessProbe: { fromTheFuture: { x: 1 } } } },
    'spec.containers[0].livenessProbe.fromTheFuture',
  ],
  [
    { container: { lifecycle: { stopSignal: 'SIGNONE' } } },
    'spec.containers[0].lifecycle.stopSignal',
  ],
  [{ container: { fromTheFuture: false } }, 'spec.containers[0].fromTheFuture'],
  [{ container: { constructor: 'x' } }, 'spec.containers[0].constructor'],
  [
    { container: { restartPolicyRules: [{ action: 'RestartNothing' }] } },
    'spec.containers[0].restartPolicyRules[0].action',
  ],
  [
    { container: { resources: { limits: { 'kubernetes.io/gpu': '1' } } } },
    'spec.containers[0].resources.limits.kubernetes.io/gpu',
  ],
  [
    { container: { env: [{ name: 'A', valueFrom: { otherRef: { key: 'x' } } }] } },
    'spec.containers[0].env[0].valueFrom.otherRef',
  ],
  [
    {
      container: {
        volumeMounts: [{ name: 'e', mountPath: '/e', mountPropagation: 'Sideways' }],
      },
    },
    'spec.containers[0].volumeMounts[0].mountPropagation',
  ],
  [{ spec: { hostUsers: 'no' } }, 'spec.hostUsers'],
  [{ spec: { volumes: [{ name: 'a', iscsi: { lun: 1 } }] } }, 'spec.volumes[0].iscsi'],
  [
    { spec: { volumes: [{ name: 'a', emptyDir: { medium: 'HugePages' } }] } },
    'spec.volumes[0].emptyDir.medium',
  ],
  [
    { spec: { volumes: [{ name: 'a', hostPath: { path: '/x', type: 'Portal' } }] } },
    'spec.volumes[0].hostPath.type',
  ],
  [
    {
      spec: {
        volumes: [{ name: 'a', projected: { sources: [{ podCertificate: { path: 'x' } }] } }],
      },
    },
    'spec.volumes[0].projected.sources[0].podCertificate',
  ],
];

void t.test('whatever is not honoured is named', (t) => {
  for (const [parts, path] of neglected) {
    t.ok(
      unsupportedFields(storedPod(parts)).some((problem) => problem.path === path),
      path,
    );
  }
  t.end();
});

void t.test('what isn’t formed as the API says is named', (t) => {
  const malformed: [object, string, string][] = [
    [{ containers: undefined }, 'spec.containers', 'is required'],
    [{ containers: [{ image: 'x' }] }, 'spec.containers[0].name', 'is required'],
    [{ containers: {} }, 'spec.containers', 'is required'],
    [{ containers: 'x' }, 'spec.containers', 'must be a list'],
    [{ volumes: ['x'] }, 'spec.volumes[0]', 'must be an object'],
    [{ priority: 'high' }, 'spec.priority', 'must be a number'],
    [{ hostNetwork: 1 }, 'spec.hostNetwork', 'must be true or false'],
    [{ nodeName: 5 }, 'spec.nodeName', 'must be a string'],
    [{ restartPolicy: 'Sometimes' }, 'spec.restartPolicy', 'value "Sometimes" is not supported'],
  ];
  for (const [spec, path, reason] of malformed) {
    t.match(unsupportedFields(storedPod({ spec })), [{ path, reason }], path);
  }
  const none = { metadata: { name: 'x' } } as Pod;
  t.same(unsupportedFields(none), [{ path: 'spec', reason: 'must be an object' }]);
  t.end();
});
