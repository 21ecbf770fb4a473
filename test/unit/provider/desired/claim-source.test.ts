import t from 'tap';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  VolumeClaim,
} from '../../../../src/kube/api.ts';
import { ClaimSource } from '../../../../src/provider/desired/claim-source.ts';
import type { Known } from '../../../../src/provider/desired/object-source.ts';
import { KubeApiError } from '../../../../src/provider/kube-client/kube-api-error.ts';
import { CacheFake } from './desired-fixture.ts';

function claim(phase: string, volumeName?: string): PersistentVolumeClaim {
  return {
    metadata: { name: 'data', namespace: 'shop', uid: 'c', finalizers: ['f'] },
    spec: volumeName === undefined ? {} : { volumeName },
    status: { phase },
  };
}

const volume: PersistentVolume = {
  metadata: {
    name: 'pv',
    resourceVersion: '7',
    annotations: { 'volume.beta.kubernetes.io/mount-options': 'soft', other: 'x' },
  },
  spec: {
    ...{ capacity: { storage: '1Gi' }, storageClassName: 's' },
    ...{ persistentVolumeReclaimPolicy: 'Retain', accessModes: ['ReadWriteOnce'] },
    claimRef: { namespace: 'shop', name: 'data', uid: 'c' },
    local: { path: '/disk' },
  },
};

function scene(answer: () => Promise<unknown> = () => Promise.reject(new Error('not asked'))): {
  claims: CacheFake<PersistentVolumeClaim>;
  volumes: CacheFake<PersistentVolume>;
  source: ClaimSource;
} {
  const claims = new CacheFake<PersistentVolumeClaim>();
  const volumes = new CacheFake<PersistentVolume>();
  const client = { get: <T>() => answer() as Promise<T> };
  return { claims, volumes, source: new ClaimSource({ claims, volumes, client }) };
}

function objectOf(known: Known): VolumeClaim | undefined {
  return known.kind === 'present' ? known.object.object : undefined;
}

void t.test('a claim follows both watches, and brings its volume', (t) => {
  const { claims, volumes, source } = scene();
  let changes = 0;
  const hold = source.hold('shop', 'data', () => (changes += 1));
  t.same(hold.known, { kind: 'absent' });
  claims.set(claim('Pending'));
  t.equal(changes, 1);
  t.equal(objectOf(hold.known)?.volume, undefined);
  claims.set(claim('Bound', 'pv'));
  volumes.set(volume);
  t.equal(changes, 3, 'the volume may come last');
  t.same(objectOf(hold.known), {
    kind: 'VolumeClaim',
    metadata: {
      ...{ name: 'data', namespace: 'shop', uid: 'c' },
      ...{ deletionTimestamp: undefined, finalizers: ['f'], ownerReferences: undefined },
    },
    spec: { volumeName: 'pv' },
    status: { phase: 'Bound' },
    volume: {
      metadata: { name: 'pv', annotations: { 'volume.beta.kubernetes.io/mount-options': 'soft' } },
      spec: {
        ...{ accessModes: ['ReadWriteOnce'], claimRef: { uid: 'c' } },
        ...{ volumeMode: undefined, mountOptions: undefined, nodeAffinity: undefined },
        local: { path: '/disk', fsType: undefined },
        ...{ hostPath: undefined, nfs: undefined },
      },
    },
  });
  const size = { capacity: { storage: '2Gi' } } as object;
  volumes.set({ ...volume, spec: { ...volume.spec, ...size } });
  claims.set({ ...claim('Bound', 'pv'), metadata: { ...claim('Bound').metadata, labels: {} } });
  t.equal(changes, 3, 'what is no matter of a node changes nothing');
  claims.set({ ...claim('Bound', 'pv'), metadata: { name: 'other', namespace: 'shop' } });
  t.equal(changes, 3);
  claims.delete(claim('Bound', 'pv'));
  t.same([changes, hold.known], [4, { kind: 'absent' }]);
  hold.release();
  claims.set(claim('Bound', 'pv'));
  t.equal(changes, 4);
  t.end();
});

void t.test('a volume that is not the claim’s stays away, whatever name the claim has', (t) => {
  const { claims, volumes, source } = scene();
  const hold = source.hold('shop', 'data', () => undefined);
  claims.set(claim('Bound', 'pv'));
  const bound = { namespace: 'shop', name: 'data', uid: 'c' };
  for (const claimRef of [
    undefined,
    {},
    { namespace: 'shop', name: 'data' },
    { ...bound, namespace: 'bank' },
    { ...bound, name: 'other' },
    { ...bound, uid: 'earlier' },
  ]) {
    const spec: object = { ...volume.spec, claimRef };
    volumes.set({ ...volume, spec });
    t.equal(objectOf(hold.known)?.volume, undefined, JSON.stringify(claimRef));
    t.equal(objectOf(hold.known)?.spec?.volumeName, 'pv');
  }
  volumes.set(volume);
  t.ok(objectOf(hold.known)?.volume);
  volumes.set({ metadata: { name: 'pv' }, spec: { local: { path: '/disk' } } });
  t.equal(objectOf(hold.known)?.volume, undefined, 'nor does it stay when it is released');
  t.end();
});

void t.test('of a volume that no runner mounts goes the name of its kind alone', (t) => {
  const { claims, volumes, source } = scene();
  const hold = source.hold('shop', 'data', () => undefined);
  claims.set(claim('Bound', 'pv'));
  const csi = {
    ...{ driver: 'd', volumeHandle: 'secret-handle', volumeAttributes: { user: 'secret-user' } },
    nodePublishSecretRef: { name: 'secret-name', namespace: 'secret-space' },
  };
  const { local, ...general } = volume.spec ?? {};
  t.ok(local);
  const spec = { ...general, csi, mountOptions: ['password=secret'] };
  const annotations = { 'volume.beta.kubernetes.io/mount-options': 'secret' };
  volumes.set({ metadata: { name: 'pv', annotations }, spec });
  const sent = JSON.stringify(objectOf(hold.known));
  t.match(sent, /"csi":{}/);
  t.notMatch(sent, /secret|driver/);
  volumes.set({
    metadata: { name: 'pv' },
    spec: { ...general, nfs: { server: 's', path: '/p', ...{ other: 'secret' } } },
  });
  t.notMatch(JSON.stringify(objectOf(hold.known)), 'secret');
  t.end();
});

void t.test(
  'a claim is looked up while it isn’t bound, and the watch has the last word',
  async (t) => {
    let asked = 0;
    const { claims, volumes, source } = scene(() => {
      asked += 1;
      return Promise.resolve(claim('Bound', 'pv'));
    });
    volumes.set(volume);
    claims.set(claim('Pending'));
    let changes = 0;
    const hold = source.hold('shop', 'data', () => (changes += 1));
    await hold.refresh();
    t.equal(objectOf(hold.known)?.volume?.metadata.name, 'pv');
    t.same([asked, changes], [1, 1]);
    claims.set(claim('Lost'));
    t.equal(objectOf(hold.known)?.status?.phase, 'Lost');
    claims.set(claim('Bound', 'pv'));
    await hold.refresh();
    t.equal(asked, 1, 'a bound one is known');
  },
);

void t.test('an answer that the watch has overtaken is no news', async (t) => {
  const answer = Promise.withResolvers<unknown>();
  const { claims, source } = scene(() => answer.promise);
  const hold = source.hold('shop', 'data', () => undefined);
  const refreshed = hold.refresh();
  claims.set(claim('Bound', 'pv'));
  answer.resolve(claim('Pending'));
  await refreshed;
  t.equal(objectOf(hold.known)?.status?.phase, 'Bound');
});

void t.test('a claim that can’t be read is left to the watch', async (t) => {
  const { source } = scene(() => Promise.reject(new KubeApiError('NOT_FOUND', 'none')));
  const hold = source.hold('shop', 'data', () => undefined);
  await hold.refresh();
  t.same(hold.known, { kind: 'absent' });
});
