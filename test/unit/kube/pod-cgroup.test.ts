import t from 'tap';
import type { Container, Pod } from '../../../src/kube/api.ts';
import { burstableShares, podCgroupResources } from '../../../src/kube/pod-cgroup.ts';
import { container, pod } from './pods.ts';

function podOf(...resources: NonNullable<Container['resources']>[]): Pod {
  return pod({
    containers: resources.map((each, place) => container({ name: `c${place}`, resources: each })),
  });
}

const both = { cpu: '500m', memory: '64Mi' };

void t.test('a guaranteed pod has the sum of its containers', (t) => {
  t.same(
    podCgroupResources(podOf({ requests: both, limits: both }, { requests: both, limits: both })),
    {
      ...{ cpuShares: 1024, cpuQuota: 100_000, cpuPeriodUs: 100_000 },
      ...{ memoryLimitBytes: 128 * 1024 ** 2, hugePages: [] },
    },
  );
  t.end();
});

void t.test('a burstable pod is limited in what all its containers are limited in', (t) => {
  const limited = { requests: { cpu: '250m' }, limits: { cpu: '1', memory: '64Mi' } };
  t.match(podCgroupResources(podOf(limited)), {
    ...{ cpuShares: 256, cpuQuota: 100_000, memoryLimitBytes: 64 * 1024 ** 2 },
  });
  t.match(podCgroupResources(podOf(limited, { limits: { memory: '64Mi' } })), {
    ...{ cpuQuota: 0, memoryLimitBytes: 128 * 1024 ** 2 },
  });
  t.end();
});

void t.test('all burstable pods together weigh what they request; others have the least', (t) => {
  const burstable = podOf({ requests: { cpu: '500m' } });
  t.equal(burstableShares([burstable, burstable, podOf({ requests: both, limits: both })]), 1024);
  t.match(podCgroupResources(podOf({})), { cpuShares: 2, cpuQuota: 0, memoryLimitBytes: 0 });
  t.end();
});

void t.test('of huge pages what is requested of each size, and none of the others', (t) => {
  const pages = { 'hugepages-2Mi': '4Mi' };
  const spelt = { 'hugepages-2048Ki': '2Mi' };
  const asking = podOf({ requests: pages, limits: pages }, { requests: spelt, limits: spelt });
  t.same(podCgroupResources(asking, [2 * 1024 ** 2, 1024 ** 3]).hugePages, [
    { pageSize: '2MB', limitBytes: 6 * 1024 ** 2 },
    { pageSize: '1GB', limitBytes: 0 },
  ]);
  t.end();
});
