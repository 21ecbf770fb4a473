import t from 'tap';
import type { ResourceRequirements } from '../../../src/kube/api.ts';
import { linuxResourcesOf } from '../../../src/kube/container-resources.ts';
import { oomScoreAdjust } from '../../../src/kube/oom-score.ts';
import { qosClassOf, type QosClass } from '../../../src/kube/qos.ts';
import { container, pod } from './pods.ts';

const both = { cpu: '1', memory: '1Gi' };
const classes: [resources: ResourceRequirements[], qosClass: QosClass][] = [
  [[{}], 'BestEffort'],
  [[{ requests: { 'ephemeral-storage': '1Gi' } }], 'BestEffort'],
  [[{ requests: { cpu: '0' } }], 'BestEffort'],
  [[{ requests: both, limits: both }], 'Guaranteed'],
  [[{ requests: { cpu: '1000m', memory: '1024Mi' }, limits: both }], 'Guaranteed'],
  [[{ requests: both, limits: both }, {}], 'Burstable'],
  [[{ requests: both }], 'Burstable'],
  [[{ requests: { cpu: '500m', memory: '1Gi' }, limits: both }], 'Burstable'],
  [[{ requests: { memory: '1Gi' }, limits: { memory: '1Gi' } }], 'Burstable'],
];

void t.test('the class follows from all containers', (t) => {
  for (const [parts, qosClass] of classes) {
    const containers = parts.map((resources) => container({ resources }));
    t.equal(qosClassOf(pod({ containers })), qosClass, JSON.stringify(parts));
  }
  const initContainers = [container({ name: 'init' })];
  const containers = [container({ resources: { requests: both, limits: both } })];
  t.equal(qosClassOf(pod({ initContainers, containers })), 'Burstable');
  t.equal(qosClassOf(pod({ resources: { requests: both, limits: both } })), 'Guaranteed');
  t.end();
});

void t.test('oom scores are the kubelet’s', (t) => {
  const nodeBytes = 8 * 1024 ** 3;
  const score = (memory: string): number => {
    const only = container({ resources: { requests: { memory } } });
    return oomScoreAdjust(pod({ containers: [only] }), only, nodeBytes);
  };
  t.equal(oomScoreAdjust(pod(), container(), nodeBytes), 1000);
  const guaranteed = container({ resources: { requests: both, limits: both } });
  t.equal(oomScoreAdjust(pod({ containers: [guaranteed] }), guaranteed, nodeBytes), -997);
  t.equal(score('4Gi'), 500);
  t.equal(score('1Gi'), 875);
  t.equal(score('1Mi'), 999);
  t.equal(score('8Gi'), 3);
  t.equal(score('100Gi'), 3);
  const critical = pod({ priority: 2_000_001_000, priorityClassName: 'system-node-critical' });
  t.equal(oomScoreAdjust(critical, container(), nodeBytes), -997);
  t.end();
});

void t.test('a sidecar is as safe as the least of its containers', (t) => {
  const helper = container({ name: 'helper', restartPolicy: 'Always' });
  const main = container({ resources: { requests: { memory: '4Gi' } } });
  const subject = pod({ initContainers: [helper], containers: [main] });
  t.equal(oomScoreAdjust(subject, helper, 8 * 1024 ** 3), 500);
  t.end();
});

void t.test('what the pod requests as a whole is shared among its containers', (t) => {
  const asks = container({ resources: { requests: { memory: '1Gi' } } });
  const subject = pod({
    resources: { requests: { memory: '3Gi' } },
    initContainers: [container({ name: 'helper', restartPolicy: 'Always' })],
    containers: [asks, container({ name: 'other' })],
  });
  const scores = [
    asks,
    ...subject.spec.containers.slice(1),
    ...(subject.spec.initContainers ?? []),
  ];
  const third = Math.trunc((2 * 1024 ** 3) / 3);
  const nodeBytes = 8 * 1024 ** 3;
  const scoreOf = (bytes: number): number => 1000 - Math.floor((1000 * bytes) / nodeBytes);
  t.same(
    scores.map((each) => oomScoreAdjust(subject, each, nodeBytes)),
    [scoreOf(1024 ** 3 + third), scoreOf(third), scoreOf(third)],
  );
  t.equal(scoreOf(third), 917);
  t.end();
});

void t.test('a container without limits has those of its pod', (t) => {
  const whole = { resources: { limits: { cpu: '1', memory: '64Mi' } } };
  const of = (resources: ResourceRequirements): ReturnType<typeof linuxResourcesOf> =>
    linuxResourcesOf({ resources }, whole);
  t.match(of({}), { cpuShares: 1024, cpuQuota: 100_000, memoryLimitBytes: 67_108_864 });
  t.match(of({ requests: { cpu: '500m' } }), { cpuShares: 512, cpuQuota: 100_000 });
  t.match(of({ limits: { cpu: '250m' } }), { cpuQuota: 25_000, memoryLimitBytes: 67_108_864 });
  t.match(of({ limits: { memory: '1Mi' } }), { memoryLimitBytes: 1_048_576 });
  t.end();
});

void t.test('requests and limits in the kernel’s terms', (t) => {
  const unlimited = { cpuPeriodUs: 100_000, cpuQuota: 0, memoryLimitBytes: 0 };
  const cases: [ResourceRequirements, ReturnType<typeof linuxResourcesOf>][] = [
    [{}, { ...unlimited, cpuShares: 2 }],
    [{ requests: { cpu: '500m' } }, { ...unlimited, cpuShares: 512 }],
    [{ requests: { cpu: '1m' } }, { ...unlimited, cpuShares: 2 }],
    [{ requests: { cpu: '1000' } }, { ...unlimited, cpuShares: 262_144 }],
    [{ limits: { cpu: '250m' } }, { ...unlimited, cpuShares: 256, cpuQuota: 25_000 }],
    [
      { requests: { cpu: '0' }, limits: { cpu: '1' } },
      { ...unlimited, cpuShares: 2, cpuQuota: 100_000 },
    ],
    [{ limits: { cpu: '1m' } }, { ...unlimited, cpuShares: 2, cpuQuota: 1000 }],
    [{ limits: { memory: '64Mi' } }, { ...unlimited, cpuShares: 2, memoryLimitBytes: 67_108_864 }],
  ];
  for (const [resources, expected] of cases) {
    t.same(linuxResourcesOf(container({ resources })), expected, JSON.stringify(resources));
  }
  t.end();
});
