import t from 'tap';
import { apiReferenceOf } from '../../../src/kube/api-references.ts';

const reference = { name: 'x', key: 'k' };

void t.test('every way to another object of the API is seen', (t) => {
  for (const [kind, spec] of [
    ['serviceaccounts', { serviceAccountName: 'default' }],
    ['serviceaccounts', { serviceAccount: 'default' }],
    ['secrets', { imagePullSecrets: [{ name: 'x' }] }],
    ['secrets', inContainers({ env: [{ name: 'A', valueFrom: { secretKeyRef: reference } }] })],
    ['secrets', inContainers({ envFrom: [{ secretRef: { name: 'x' } }] })],
    [
      'configmaps',
      inContainers({ env: [{ name: 'A', valueFrom: { configMapKeyRef: reference } }] }),
    ],
    ['configmaps', inContainers({ envFrom: [{ configMapRef: { name: 'x' } }] })],
    ['configmaps', { initContainers: [{ envFrom: [{ configMapRef: {} }] }] }],
    ['secrets', { ephemeralContainers: [{ envFrom: [{ secretRef: {} }] }] }],
    ['secrets', inVolume({ secret: { secretName: 'x' } })],
    ['secrets', inVolume({ secret: {} })],
    ['configmaps', inVolume({ configMap: { name: 'x' } })],
    ['persistentvolumeclaims', inVolume({ persistentVolumeClaim: { claimName: 'x' } })],
    ['persistentvolumeclaims', inVolume({ ephemeral: {} })],
    ['csidrivers', inVolume({ csi: { driver: 'x', nodePublishSecretRef: { name: 'x' } } })],
    ['secrets', inVolume({ azureFile: { secretName: 'x' } })],
    ['secrets', inVolume({ cephfs: { secretRef: { name: 'x' } } })],
    ['secrets', inVolume({ flexVolume: { secretRef: { name: 'x' } } })],
    ['secrets', inVolume({ iscsi: { secretRef: { name: 'x' } } })],
    ['endpoints', inVolume({ glusterfs: { endpoints: 'x' } })],
    ['secrets', inProjection({ secret: { name: 'x' } })],
    ['configmaps', inProjection({ configMap: { name: 'x' } })],
    ['serviceaccounts', inProjection({ serviceAccountToken: { path: 'x' } })],
    ['clustertrustbundles', inProjection({ clusterTrustBundle: { path: 'x' } })],
    ['podcertificaterequests', inProjection({ podCertificate: {} })],
    ['resourceclaims', { resourceClaims: [{ name: 'x' }] }],
  ] as const) {
    t.equal(apiReferenceOf(spec), kind, JSON.stringify(spec));
  }
  t.end();
});

void t.test('and nothing else is taken for one', (t) => {
  for (const spec of [
    { serviceAccountName: '', imagePullSecrets: [], resourceClaims: null },
    inContainers({ env: [{ name: 'secretRef', value: 'configMap' }] }),
    inContainers({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] }),
    inVolume({ hostPath: { path: '/etc' } }),
    inVolume({ emptyDir: {} }),
    inProjection({ downwardAPI: { items: [] } }),
    undefined,
    'secret',
    [null, 5],
  ]) {
    t.equal(apiReferenceOf(spec), undefined, JSON.stringify(spec));
  }
  t.end();
});

function inContainers(container: object): object {
  return { containers: [{ name: 'main', image: 'i', ...container }] };
}

function inVolume(source: object): object {
  return { volumes: [{ name: 'v', ...source }] };
}

function inProjection(source: object): object {
  return inVolume({ projected: { sources: [source] } });
}
