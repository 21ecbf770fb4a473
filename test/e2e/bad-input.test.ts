import { asking } from './bad-input/asking.ts';
import { joining } from './bad-input/joining.ts';
import { objects } from './bad-input/objects.ts';
import { providing, withoutCrd } from './bad-input/providing.ts';
import { running } from './bad-input/running.ts';
import { onEveryControlPlane } from './cluster.ts';

await onEveryControlPlane(async (t, cluster) => {
  const device = await cluster.lab.startDevice({ name: 'spare' });
  const limit = { timeout: 240_000 };
  await t.test('towline-runner join', limit, (t) => joining(t, cluster, device));
  await t.test('towline-runner run', limit, (t) => running(t, cluster, device));
  await t.test('towline-provider', limit, (t) => providing(t, cluster));
  await t.test('towlinectl', limit, (t) => asking(t, cluster));
  await t.test('objects of the cluster', limit, (t) => objects(t, cluster));
  // Last: nothing works afterwards.
  await t.test('a cluster without the CRD', limit, (t) => withoutCrd(t, cluster));
});
