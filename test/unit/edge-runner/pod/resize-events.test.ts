import t from 'tap';
import { resizeEvents } from '../../../../src/edge-runner/pod/resize-events.ts';
import type { Condition, Pod } from '../../../../src/kube/api.ts';

function podWith(cpu: string): Pod {
  return {
    metadata: { name: 'p', generation: 2 },
    spec: {
      initContainers: [{ name: 'c0', restartPolicy: 'Always' }],
      containers: [
        {
          name: 'c1',
          resources: { requests: { memory: '100', cpu }, limits: { memory: '200' } },
        },
      ],
    },
  };
}

const pod = podWith('100m');
const wanted = podWith('5');
const summary = (cpu: string, error = ''): string =>
  `{"initContainers":[{"name":"c0","resources":{}}],"containers":[{"name":"c1","resources":{"limits":{"memory":"200"},"requests":{"cpu":"${cpu}","memory":"100"}}}],"generation":2${error}}`;

function condition(type: string, reason?: string, message?: string): Condition {
  return {
    ...{ type, status: 'True' },
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

function told(before: Condition[], after: Condition[]): string[] {
  return resizeEvents({ pod, wanted, before, after }).map((event) => event.join(' '));
}

const underWay = condition('PodResizeInProgress');
const failed = condition('PodResizeInProgress', 'Error', 'no');
const deferred = condition('PodResizePending', 'Deferred', 'full');

void t.test('a resize from its beginning to its end, each told once', (t) => {
  t.same(told([], [underWay]), [`Normal ResizeStarted Pod resize started: ${summary('100m')}`]);
  t.same(told([underWay], [underWay]), []);
  const error = `Warning ResizeError Pod resize error: ${summary('100m', ',"error":"no"')}`;
  t.same(told([underWay], [failed]), [error]);
  t.same(told([failed], [failed]), []);
  t.same(told([failed], []), [`Normal ResizeCompleted Pod resize completed: ${summary('100m')}`]);
  t.end();
});

void t.test('what has to wait names what it waits for', (t) => {
  const full = summary('5', ',"error":"full"');
  t.same(told([], [deferred]), [`Warning ResizeDeferred Pod resize Deferred: ${full}`]);
  t.same(told([deferred], [deferred]), []);
  const infeasible = condition('PodResizePending', 'Infeasible', 'full');
  t.same(told([deferred], [infeasible]), [
    `Warning ResizeInfeasible Pod resize Infeasible: ${full}`,
  ]);
  t.same(told([deferred], []), []);
  t.end();
});
