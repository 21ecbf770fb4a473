import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { ClusterTrustBundleProjection, Pod } from '../../../../src/kube/api.ts';
import { trustAnchorsName } from '../../../../src/kube/trust-anchors.ts';
import { makeDevice, needsRoot, podWith, volume } from './device.ts';

const path = 'ca/all.pem';

function projecting(projection: Partial<ClusterTrustBundleProjection>, spec = {}): Pod {
  const sources = [{ clusterTrustBundle: { path, ...projection } }];
  return podWith([volume('t', { projected: { sources, defaultMode: 0o444 } })], spec);
}

void t.test('certificates are projected, and follow the cluster', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const projection = { path, signerName: 's', labelSelector: {} };
  const key = trustAnchorsName(projection) ?? '';
  device.anchors.set(key, 'one');
  const pod = projecting(projection);
  const at = (await device.volumes.prepare(pod, device.sources)).get('t')?.hostPath ?? '';
  t.equal(await readFile(join(at, path), 'utf8'), 'one');
  t.equal((await stat(join(at, path))).mode & 0o777, 0o444);
  device.anchors.set(key, 'two');
  t.equal(await device.volumes.refresh(pod, device.sources), true);
  t.equal(await readFile(join(at, path), 'utf8'), 'two');
});

void t.test('a pod’s own user or group has them for itself', needsRoot, async (t) => {
  const device = await makeDevice(t);
  device.anchors.set('{"name":"a"}', 'x');
  const pod = projecting({ name: 'a' }, { securityContext: { runAsUser: 1000, fsGroup: 2000 } });
  const at = (await device.volumes.prepare(pod, device.sources)).get('t')?.hostPath ?? '';
  const { mode, uid, gid } = await stat(join(at, path));
  t.same([mode & 0o777, uid, gid], [0o640, 1000, 2000]);
});

void t.test('what is missing is told, unless it is optional', needsRoot, async (t) => {
  const device = await makeDevice(t);
  const start = 'MountVolume.SetUp failed for volume "t" : ';
  const refuses = async (
    projection: Partial<ClusterTrustBundleProjection>,
    why: string,
  ): Promise<void> => {
    const prepared = device.volumes.prepare(projecting(projection), device.sources);
    await t.rejects(prepared, { code: 'SETUP_FAILED', message: start + why });
  };
  await refuses(
    { name: 'a' },
    'while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "a" not found',
  );
  await refuses(
    { signerName: 's', labelSelector: {} },
    'combination of signerName and labelSelector matched zero ClusterTrustBundles',
  );
  const neither = 'ClusterTrustBundle projection requires either name or signerName to be set';
  await refuses({ optional: true }, neither);
  const pod = projecting({ name: 'a', optional: true });
  const at = (await device.volumes.prepare(pod, device.sources)).get('t')?.hostPath ?? '';
  t.equal(await readFile(join(at, path), 'utf8'), '');
});
