import t from 'tap';
import type { Pod } from '../../../../src/kube/api.ts';
import { referencesOf } from '../../../../src/provider/desired/references.ts';
import { podOf } from './desired-fixture.ts';

function names(pod: Pod): string[] {
  return referencesOf(pod)
    .map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`)
    .sort();
}

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
  ]);
  t.end();
});

void t.test('a pod that names nothing has none', (t) => {
  t.same(names(podOf('a')), []);
  t.end();
});
