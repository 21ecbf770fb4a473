import t from 'tap';
import type { ConfigMap, Container, Secret } from '../../../src/kube/api.ts';
import { envFileValue } from '../../../src/kube/env-file.ts';
import { resolveEnvironment, type ResolvedEnvironment } from '../../../src/kube/env.ts';
import { container, pod } from './pods.ts';

const configMaps: Partial<Record<string, ConfigMap>> = {
  settings: { metadata: { name: 'settings' }, data: { COLOR: 'red', SIZE: 'big', 'a=b': 'x' } },
};
const secrets: Partial<Record<string, Secret>> = {
  keys: {
    metadata: { name: 'keys' },
    data: { PASSWORD: Buffer.from('pässwörd').toString('base64'), COLOR: 'Ymx1ZQ==' },
  },
};

function resolve(
  parts: Partial<Container>,
  services?: Record<string, string>,
): ResolvedEnvironment {
  return resolveEnvironment({
    pod: pod({ containers: [container(parts)] }, { labels: { tier: 'front' } }),
    container: container(parts),
    configMap: (name) => configMaps[name],
    secret: (name) => secrets[name],
    context: {
      podIPs: ['10.1.0.5'],
      hostIPs: ['192.0.2.1'],
      nodeName: 'barn.farm',
      allocatable: { cpu: '4', memory: '8Gi' },
    },
    ...(services ? { services } : {}),
  });
}

function valuesOf({ env }: ResolvedEnvironment): Record<string, string> {
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}

void t.test('literal values see what stands before them', (t) => {
  const env = [
    { name: 'B', value: '$(A)' },
    { name: 'A', value: '1' },
    { name: 'C', value: '$(A)-$$(A)-$(NONE)' },
    { name: 'D' },
    { name: 'A', value: '$(A)2' },
  ];
  t.same(valuesOf(resolve({ env })), { B: '$(A)', A: '12', C: '1-$(A)-$(NONE)', D: '' });
  t.end();
});

void t.test('every kind of reference gives its value', (t) => {
  const env = [
    { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'TIER', valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
    { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
    { name: 'SIZE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'SIZE' } } },
    { name: 'PW', valueFrom: { secretKeyRef: { name: 'keys', key: 'PASSWORD' } } },
    { name: 'ALL', value: '$(POD)/$(SIZE)/$(PW)' },
  ];
  t.same(valuesOf(resolve({ env })), {
    POD: 'web',
    TIER: 'front',
    IP: '10.1.0.5',
    CPUS: '4',
    SIZE: 'big',
    PW: 'pässwörd',
    ALL: 'web/big/pässwörd',
  });
  t.end();
});

void t.test(
  'envFrom comes first, in order, with its prefix; invalid names are skipped and told',
  (t) => {
    const envFrom = [
      { configMapRef: { name: 'settings' } },
      { prefix: 'S_', secretRef: { name: 'keys' } },
      { secretRef: { name: 'keys' } },
    ];
    const resolved = resolve({ envFrom, env: [{ name: 'SIZE', value: 'not $(SIZE)' }] });
    t.same(valuesOf(resolved), {
      COLOR: 'blue',
      SIZE: 'not big',
      S_PASSWORD: 'pässwörd',
      S_COLOR: 'blue',
      PASSWORD: 'pässwörd',
    });
    t.same(resolved.warnings, [
      {
        reason: 'InvalidEnvironmentVariableNames',
        message:
          'Keys [a=b] from the EnvFrom configMap shop/settings were skipped since they are considered invalid environment variable names.',
      },
    ]);
    t.end();
  },
);

void t.test('optional references that lead nowhere set nothing', (t) => {
  const env = [
    { name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'k', optional: true } } },
    { name: 'B', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k', optional: true } } },
    { name: 'C', valueFrom: { secretKeyRef: { name: 'no', key: 'k', optional: true } } },
    { name: 'D', valueFrom: { secretKeyRef: { name: 'keys', key: 'k', optional: true } } },
  ];
  const envFrom = [
    { configMapRef: { name: 'no', optional: true } },
    { secretRef: { name: 'no', optional: true } },
  ];
  t.same(resolve({ env, envFrom }).env, []);
  t.end();
});

const missing: [parts: Partial<Container>, message: string][] = [
  [{ envFrom: [{ configMapRef: { name: 'no' } }] }, 'configmap "no" not found'],
  [{ envFrom: [{ secretRef: { name: 'no' } }] }, 'secret "no" not found'],
  [
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'k' } } }] },
    'configmap "no" not found',
  ],
  [
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k' } } }] },
    "couldn't find key k in ConfigMap shop/settings",
  ],
  [
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'no', key: 'k' } } }] },
    'secret "no" not found',
  ],
  [
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'keys', key: 'k' } } }] },
    "couldn't find key k in Secret shop/keys",
  ],
  [
    { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } }] },
    'unsupported fieldPath: spec.hostname',
  ],
  [
    { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } }] },
    'unsupported container resource : limits.gpu',
  ],
];

void t.test('a missing mandatory reference is told in the kubelet’s words', (t) => {
  for (const [parts, message] of missing) {
    t.throws(() => resolve(parts), { code: 'CONFIG_ERROR', message }, message);
  }
  t.end();
});

void t.test(
  'service variables can be referred to and are overridden by the container’s own',
  (t) => {
    const env = [
      { name: 'URL', value: 'http://$(DB_SERVICE_HOST)' },
      { name: 'DB_SERVICE_PORT', value: '1' },
    ];
    const services = { DB_SERVICE_HOST: '10.0.0.1', DB_SERVICE_PORT: '5432' };
    t.same(valuesOf(resolve({ env }, services)), {
      URL: 'http://10.0.0.1',
      DB_SERVICE_PORT: '1',
      DB_SERVICE_HOST: '10.0.0.1',
    });
    t.end();
  },
);

void t.test('a variable in a file of a volume', (t) => {
  const text = [
    '# a comment',
    '',
    "  FIRST='one' # not two",
    "LONG='a",
    "b=c'",
    "EMPTY= 'x'",
    "LAST='it''s'",
  ].join('\r\n');
  t.equal(envFileValue(text, 'FIRST'), 'one');
  t.equal(envFileValue(text, 'LONG'), 'a\nb=c');
  t.equal(envFileValue(text, 'EMPTY'), '');
  const problem = { code: 'CONFIG_ERROR', message: "couldn't parse env file" };
  t.throws(() => envFileValue(text, 'LAST'), problem);
  t.equal(envFileValue("A='1'\n", 'B'), '');
  for (const bad of ['A', "A ='1'", "='1'", 'A=1', 'A=', "A='1"]) {
    t.throws(() => envFileValue(bad, 'B'), problem, bad);
  }
  const resolved = (optional: boolean, key: string): ResolvedEnvironment =>
    resolveEnvironment({
      ...{ pod: pod({}), configMap: () => undefined, secret: () => undefined },
      container: container({
        env: [
          {
            name: 'A',
            valueFrom: { fileKeyRef: { volumeName: 'v', path: 'env', key, optional } },
          },
        ],
      }),
      context: { podIPs: [], hostIPs: [], nodeName: 'n', allocatable: {} },
      file: ({ path }) => ({ path: `/volume/${path}`, text: "KEY='value'" }),
    });
  t.same(valuesOf(resolved(false, 'KEY')), { A: 'value' });
  t.same(valuesOf(resolved(true, 'NONE')), {});
  t.throws(() => resolved(false, 'NONE'), {
    message: 'environment variable key "NONE" not found in file "/volume/env"',
  });
  t.end();
});
