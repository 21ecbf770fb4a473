import t from 'tap';
import type { Condition, Pod, PodStatus } from '../../../../src/kube/api.ts';
import {
  desiredStatus,
  type PodKnowledge,
} from '../../../../src/provider/report/desired-status.ts';
import { omit } from '../../../../src/provider/omit.ts';
import { planStatusPatch } from '../../../../src/provider/report/plan-status-patch.ts';
import { podOf } from '../desired/desired-fixture.ts';

const t0 = '2026-01-01T00:00:00Z';
const nowMs = Date.parse('2026-01-01T01:00:00Z');

function condition(type: string, status: Condition['status'], more = {}): Condition {
  return { type, status, lastTransitionTime: t0, ...more };
}

const running: PodStatus = {
  phase: 'Running',
  startTime: t0,
  podIP: '10.1.0.2',
  podIPs: [{ ip: '10.1.0.2' }],
  conditions: [
    condition('Initialized', 'True'),
    condition('Ready', 'True'),
    condition('ContainersReady', 'True'),
  ],
  containerStatuses: [],
};

function podWith(status: PodStatus, spec = {}): Pod {
  return { ...podOf('a', spec), status };
}

function known(
  reported: PodStatus | undefined,
  link: PodKnowledge['link'] = 'connected',
): PodKnowledge {
  return { reported, link, hostIP: '10.0.0.1', servesHostIPs: false, nowMs };
}

/** The patch to a status that there must be. */
function patchOf(pod: Pod, status: PodStatus | undefined): object | undefined {
  if (status === undefined) throw new TypeError('no status is desired');
  return planStatusPatch(pod, status);
}

/** The pod as the API has it once the desired status is written. */
function written(pod: Pod, knowledge: PodKnowledge): Pod {
  return { ...pod, status: { ...pod.status, ...desiredStatus(pod, knowledge) } };
}

void t.test('what the site says is what the API is to have, with the address of the node', (t) => {
  const pod = podWith({ phase: 'Pending', conditions: [condition('PodScheduled', 'True')] });
  const status = desiredStatus(pod, known(running));
  t.match(status, { phase: 'Running', hostIP: '10.0.0.1', podIP: '10.1.0.2' });
  t.equal(status?.hostIPs, undefined, 'nothing that an old API server would drop');
  const newer = desiredStatus(podOf('a'), { ...known(running), servesHostIPs: true });
  t.same(newer?.hostIPs, [{ ip: '10.0.0.1' }]);
  t.same(status?.conditions?.map(({ type }) => type).sort(), [
    ...['ContainersReady', 'Initialized', 'PodScheduled', 'Ready'],
  ]);
  t.end();
});

void t.test('once it is written there is nothing more to do', (t) => {
  const pod = podWith({ phase: 'Pending', conditions: [condition('PodScheduled', 'True')] });
  const after = written(pod, known(running));
  const again = desiredStatus(after, known(running));
  t.equal(patchOf(after, again), undefined);
  t.end();
});

void t.test('every condition of a node says which generation of the pod it is about', (t) => {
  const gates = { readinessGates: [{ conditionType: 'lb' }] };
  const others = [condition('PodScheduled', 'True'), condition('lb', 'True')];
  const about = (observedGeneration: number): PodStatus => ({
    ...{ ...running, observedGeneration },
    conditions: (running.conditions ?? []).map((each) => ({ ...each, observedGeneration })),
  });
  const generations = (status: PodStatus | undefined): unknown =>
    Object.fromEntries(
      (status?.conditions ?? []).map((each) => [each.type, each.observedGeneration]),
    );
  const pod = podWith({ phase: 'Pending', conditions: others }, gates);
  t.same(generations(desiredStatus(pod, known(about(3)))), {
    ...{ ContainersReady: 3, Initialized: 3, PodScheduled: 3, Ready: 3 },
    lb: undefined,
  });
  t.notOk(
    JSON.stringify(desiredStatus(pod, known(running))).includes('observedGeneration'),
    'nothing that an old API server would drop',
  );
  t.end();
});

void t.test('without a report, and while a site is away for a moment, nothing is touched', (t) => {
  t.equal(desiredStatus(podWith(running), known(undefined)), undefined);
  t.equal(desiredStatus(podWith({ phase: 'Pending' }), known(running, 'away')), undefined);
  t.end();
});

void t.test('a resize that is over is said no more', (t) => {
  const pending = condition('PodResizePending', 'True', { reason: 'Deferred' });
  const conditions = [...(running.conditions ?? []), condition('PodScheduled', 'True')];
  const waits = known({ ...running, conditions: [...conditions, pending] });
  t.match(desiredStatus(podWith(running), waits)?.conditions?.at(-1), { reason: 'Deferred' });
  const pod = written(podWith({ ...running, conditions }), waits);
  const done = desiredStatus(pod, known(running));
  t.match(patchOf(pod, done), {
    status: { conditions: [{ type: 'PodResizePending', $patch: 'delete' }] },
  });
  t.end();
});

void t.test('a lost site makes its pods unready and changes nothing else', (t) => {
  const status = desiredStatus(podWith(running), known(running, 'lost'));
  t.same(status, {
    conditions: [condition('Ready', 'False', { lastTransitionTime: '2026-01-01T01:00:00Z' })],
  });
  const already = podWith({ ...running, conditions: [condition('Ready', 'False')] });
  t.equal(desiredStatus(already, known(running, 'lost')), undefined);
  t.end();
});

void t.test('readiness that somebody took away comes back with the site', (t) => {
  const flipped = written(podWith(running), known(running, 'lost'));
  const status = desiredStatus(flipped, known(running));
  t.equal(status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  t.end();
});

void t.test('a pod that has ended does not begin again', (t) => {
  const failed = podWith({ phase: 'Failed', reason: 'Evicted', message: 'low on memory' });
  t.match(desiredStatus(failed, known(running)), { phase: 'Failed', reason: 'Evicted' });
  t.match(desiredStatus(failed, known({ phase: 'Succeeded' })), { phase: 'Succeeded' });
  t.end();
});

void t.test('readiness gates of others decide together with the containers', (t) => {
  const gates = { readinessGates: [{ conditionType: 'lb' }] };
  const ready = (status: PodStatus | undefined): Condition | undefined =>
    status?.conditions?.find(({ type }) => type === 'Ready');
  const missing = ready(desiredStatus(podWith({}, gates), known(running)));
  t.match(missing, {
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: 'does not exist',
  });
  const closed = podWith({ conditions: [condition('lb', 'False')] }, gates);
  t.match(ready(desiredStatus(closed, known(running)))?.message, 'is not "True", but False');
  const open = podWith({ conditions: [condition('lb', 'True')] }, gates);
  t.equal(ready(desiredStatus(open, known(running)))?.status, 'True');
  const after = written(open, known(running));
  const again = desiredStatus(after, { ...known(running), nowMs: nowMs + 5000 });
  t.equal(patchOf(after, again), undefined);
  t.end();
});

void t.test('a patch has the uid, and only what differs', (t) => {
  const pod = podWith({ ...running, hostIP: '10.0.0.1', qosClass: 'BestEffort' });
  const status = desiredStatus(pod, known({ ...running, phase: 'Succeeded' }));
  t.same(patchOf(pod, status), {
    metadata: { uid: 'a-uid' },
    status: { phase: 'Succeeded' },
  });
  t.end();
});

void t.test('what the site no longer says goes, what others say stays', (t) => {
  const pod = podWith({
    ...running,
    hostIP: '10.0.0.1',
    message: 'old',
    qosClass: 'Burstable',
    conditions: [
      ...(running.conditions ?? []),
      condition('DisruptionTarget', 'True'),
      condition('Old', 'True', { reason: 'R' }),
    ],
  });
  const without = omit(running, 'podIP', 'podIPs');
  const status = desiredStatus(pod, known(without));
  t.same(patchOf(pod, status), {
    metadata: { uid: 'a-uid' },
    status: { message: null, podIP: null, podIPs: null },
  });
  t.end();
});

void t.test('a condition loses the fields that its new state does not have', (t) => {
  const pod = podWith({
    ...running,
    hostIP: '10.0.0.1',
    conditions: [condition('Ready', 'False', { reason: 'ContainersNotReady', message: 'm' })],
  });
  const report = { ...running, conditions: [condition('Ready', 'True')] };
  const status = desiredStatus(pod, known(report));
  t.same(patchOf(pod, status), {
    metadata: { uid: 'a-uid' },
    status: {
      conditions: [
        { reason: null, message: null, type: 'Ready', status: 'True', lastTransitionTime: t0 },
      ],
    },
  });
  t.end();
});

void t.test('a new address replaces the old one', (t) => {
  const pod = podWith({ ...running, hostIP: '10.0.0.1' });
  const moved = { ...running, podIP: '10.1.0.9', podIPs: [{ ip: '10.1.0.9' }] };
  const status = desiredStatus(pod, known(moved));
  t.match(patchOf(pod, status), {
    status: { podIP: '10.1.0.9', podIPs: [{ ip: '10.1.0.9' }, { $patch: 'replace' }] },
  });
  t.end();
});
