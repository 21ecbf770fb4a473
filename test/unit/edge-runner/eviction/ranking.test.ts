import t from 'tap';
import { evictionMessage } from '../../../../src/edge-runner/eviction/eviction-messages.ts';
import {
  exceededLimit,
  hasStorageLimit,
} from '../../../../src/edge-runner/eviction/local-storage.ts';
import type { Consumption } from '../../../../src/edge-runner/eviction/pod-consumption.ts';
import { rankPods } from '../../../../src/edge-runner/eviction/rank-pods.ts';
import type { Pod, PodSpec } from '../../../../src/kube/api.ts';
import { makePod } from '../pod/make-observed.ts';

const mebibyte = 1024 * 1024;

function consumption(
  name: string,
  options: { memoryMi?: number; requestMi?: number; spec?: Partial<PodSpec>; pod?: Partial<Pod> },
): Consumption {
  const { memoryMi = 0, requestMi = 0, spec = {} } = options;
  const container = {
    name: 'main',
    resources: requestMi === 0 ? {} : { requests: { memory: `${requestMi}Mi` } },
  };
  const pod = makePod({ containers: [container], ...spec });
  const memoryBytes = memoryMi * mebibyte;
  return {
    pod: { ...pod, metadata: { ...pod.metadata, name, ...options.pod?.metadata } },
    ...{ memoryBytes, diskBytes: 0, inodes: 0, processes: 0 },
    containers: [{ name: 'main', memoryBytes, diskBytes: 0, inodes: 0 }],
  };
}

void t.test('over its request first, then by priority, then by how far', (t) => {
  const ranked = rankPods(
    [
      consumption('within', { memoryMi: 90, requestMi: 100 }),
      consumption('over-high', { memoryMi: 500, requestMi: 10, spec: { priority: 100 } }),
      consumption('over-little', { memoryMi: 20, requestMi: 10 }),
      consumption('over-much', { memoryMi: 50, requestMi: 10 }),
      consumption('low-within', { memoryMi: 1, requestMi: 100, spec: { priority: -5 } }),
      consumption('critical', { memoryMi: 900, spec: { priority: 2_000_000_000 } }),
      consumption('static', {
        memoryMi: 900,
        pod: {
          metadata: { name: 'static', annotations: { 'kubernetes.io/config.source': 'file' } },
        },
      }),
    ],
    'memory',
  );
  t.same(
    ranked.map(({ pod }) => pod.metadata.name),
    ['over-much', 'over-little', 'over-high', 'low-within', 'within'],
  );
  t.end();
});

void t.test('each resource ranks by its own use, and what can be requested by the request', (t) => {
  const requests = { 'ephemeral-storage': '50' };
  const pods: Consumption[] = [
    {
      ...consumption('disk', {}),
      ...{ memoryBytes: 1, diskBytes: 90, inodes: 2, processes: 2 },
    },
    {
      ...consumption('inodes', {}),
      ...{ memoryBytes: 2, diskBytes: 20, inodes: 90, processes: 1 },
    },
    {
      ...consumption('processes', {}),
      ...{ memoryBytes: 3, diskBytes: 30, inodes: 3, processes: 90 },
    },
    {
      ...consumption('asked', {
        spec: { containers: [{ name: 'main', resources: { requests } }] },
      }),
      ...{ memoryBytes: 90, diskBytes: 100, inodes: 1, processes: 3 },
    },
  ];
  const order = (resource: Parameters<typeof rankPods>[1]): string[] =>
    rankPods(pods, resource).map(({ pod }) => pod.metadata.name);
  t.same(order('memory'), ['asked', 'processes', 'inodes', 'disk']);
  t.same(order('ephemeral-storage'), ['disk', 'asked', 'processes', 'inodes']);
  t.same(order('inodes'), ['inodes', 'processes', 'disk', 'asked']);
  t.same(order('pids'), ['processes', 'asked', 'disk', 'inodes']);
  t.end();
});

void t.test('an eviction is explained in a kubelet’s words', (t) => {
  const crossed = {
    threshold: { signal: 'memory.available', limit: { count: 100 * mebibyte } },
    observation: { available: 50 * mebibyte, capacity: 1000 * mebibyte },
  } as const;
  t.equal(
    evictionMessage(crossed, consumption('web', { memoryMi: 30, requestMi: 10 }), 'memory'),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container main was using 30Mi, request is 10Mi, has larger consumption of memory. ',
  );
  t.equal(
    evictionMessage(crossed, consumption('web', { memoryMi: 5, requestMi: 10 }), 'memory'),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ',
  );
  t.end();
});

void t.test('limits on local storage: of a volume, of the pod, of a container', (t) => {
  const limits = { 'ephemeral-storage': '10Mi' };
  const pod = makePod({
    containers: [
      { name: 'a', resources: { limits } },
      { name: 'b', resources: { limits } },
    ],
    volumes: [{ name: 'v', emptyDir: { sizeLimit: '5Mi' } }],
  });
  const used = (
    volumeMi: number,
    containerMi: Record<string, number>,
  ): Parameters<typeof exceededLimit>[1] => {
    const containers = new Map(
      Object.entries(containerMi).map(([name, size]) => [name, size * mebibyte]),
    );
    const total = [...containers.values()].reduce((sum, bytes) => sum + bytes, volumeMi * mebibyte);
    return { volumes: new Map([['v', volumeMi * mebibyte]]), containers, totalBytes: total };
  };
  t.equal(exceededLimit(pod, used(5, { a: 10, b: 1 })), undefined);
  t.equal(
    exceededLimit(pod, used(6, { a: 1 })),
    'Usage of EmptyDir volume "v" exceeds the limit "5Mi". ',
  );
  t.equal(
    exceededLimit(pod, used(4, { a: 9, b: 9 })),
    'Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ',
  );
  t.equal(
    exceededLimit(pod, used(0, { a: 1, b: 11 })),
    'Container b exceeded its local ephemeral storage limit "10Mi". ',
  );
  t.equal(hasStorageLimit(pod), true);
  const large = { 'ephemeral-storage': '50M' };
  const withInit = makePod({
    initContainers: [{ name: 'i', resources: { limits: large } }],
    containers: [{ name: 'a', resources: { limits } }],
  });
  t.equal(exceededLimit(withInit, used(20, { a: 9 })), undefined, 'as much as its init container');
  t.equal(
    exceededLimit(withInit, used(50, { a: 9 })),
    'Pod ephemeral local storage usage exceeds the total limit of containers 50M. ',
  );
  t.equal(hasStorageLimit(makePod({ containers: pod.spec.containers })), true);
  t.equal(hasStorageLimit(makePod({ volumes: pod.spec.volumes ?? [] })), true);
  t.equal(hasStorageLimit(makePod({ volumes: [{ name: 'v', emptyDir: {} }] })), false);
  t.end();
});
