import t from 'tap';
import type { Pod } from '../../../../src/kube/api.ts';
import { referencesOf } from '../../../../src/provider/desired/references.ts';
import { podOf } from './desired-fixture.ts';

function names(pod: Pod): string[] {
  return referencesOf(pod)
    .map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`)
    .sort();
}

const always = ['ServiceLinks/default/kubernetes', 'ServiceLinks/n/services'];

void t.test('every way to name an object is followed, each object once', (t) => {
  const pod = podOf('a', {
    imagePullSecrets: [{ name: 'pull' }, {}],
    initContainers: [
      { name: 'i', env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'env-s', key: 'k' } } }] },
    ],
    containers: [
      {
        name: 'c',
        env: [
          { name: 'A', value: 'b' },
          { name: 'C', valueFrom: { configMapKeyRef: { name: 'env-c', key: 'k' } } },
        ],
        envFrom: [{ configMapRef: { name: 'from-c' } }, { secretRef: { name: 'from-s' } }],
      },
    ],
    volumes: [
      { name: '1', configMap: { name: 'vol-c' } },
      { name: '2', secret: { secretName: 'vol-s' } },
      {
        name: '3',
        projected: {
          sources: [
            { configMap: { name: 'pro-c' } },
            { secret: { name: 'pro-s' } },
            { serviceAccountToken: { path: 'token' } },
            { configMap: { name: 'vol-c' } },
          ],
        },
      },
      { name: '4', emptyDir: {} },
    ],
  });
  t.same(names(pod), [
    'ConfigMap/n/env-c',
    'ConfigMap/n/from-c',
    'ConfigMap/n/pro-c',
    'ConfigMap/n/vol-c',
    'Secret/n/env-s',
    'Secret/n/from-s',
    'Secret/n/pro-s',
    'Secret/n/pull',
    'Secret/n/vol-s',
    ...always,
  ]);
  t.end();
});

void t.test('the claims of volumes, by name and of the pod alone', (t) => {
  const volumes = [
    { name: '1', persistentVolumeClaim: { claimName: 'data' } },
    { name: '2', ephemeral: {} },
  ];
  t.same(names(podOf('a', { volumes })), [...always, 'VolumeClaim/n/a-2', 'VolumeClaim/n/data']);
  t.end();
});

void t.test('what projections ask of trust bundles is asked once', (t) => {
  const byName = { clusterTrustBundle: { path: 'a', name: 'roots' } };
  const bySigner = { clusterTrustBundle: { path: 'b', signerName: 's', labelSelector: {} } };
  const sources = [byName, bySigner, { clusterTrustBundle: { path: 'c' } }];
  const volumes = [
    { name: '1', projected: { sources } },
    { name: '2', projected: { sources: [byName] } },
  ];
  t.same(names(podOf('a', { volumes })), [
    ...always,
    'TrustAnchors//{"name":"roots"}',
    'TrustAnchors//{"signerName":"s","labelSelector":{}}',
  ]);
  t.end();
});

void t.test('what every pod needs, and what it needs only where it asks for it', (t) => {
  t.same(names(podOf('a')), always);
  t.same(names(podOf('a', { enableServiceLinks: false })), ['ServiceLinks/default/kubernetes']);
  t.same(names(podOf('a', { runtimeClassName: 'sealed' })), ['RuntimeClass//sealed', ...always]);
  t.end();
});
