import t from 'tap';
import type { Condition } from '../../../src/kube/api.ts';
import { podConditions, type ConditionInput } from '../../../src/kube/pod-conditions.ts';
import { container, status } from './pods.ts';

const now = '2030-01-02T03:04:05Z';

type Reported = Record<'status' | 'reason' | 'message', string | undefined>;

function conditionsOf(input: Partial<ConditionInput>): Record<string, Reported> {
  const conditions = podConditions({
    spec: { containers: [container({ name: 'a' }), container({ name: 'b' })] },
    phase: 'Running',
    initContainerStatuses: undefined,
    containerStatuses: [status('a', 'running'), status('b', 'running')],
    sandboxReady: true,
    now,
    ...input,
  });
  return Object.fromEntries(
    conditions.map(({ type, lastProbeTime, lastTransitionTime, ...rest }) => {
      t.equal(lastProbeTime, null);
      t.type(lastTransitionTime, 'string');
      return [type, { status: rest.status, reason: rest.reason, message: rest.message }];
    }),
  );
}

const yes = { status: 'True', reason: undefined, message: undefined };

void t.test('a pod that is wholly up', (t) => {
  t.same(conditionsOf({}), {
    PodReadyToStartContainers: yes,
    Initialized: yes,
    Ready: yes,
    ContainersReady: yes,
  });
  t.end();
});

void t.test('unready and unknown containers are listed', (t) => {
  const unready = {
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [a b]',
  };
  const waiting = [status('a', 'waiting'), status('b', 'crashed')];
  const pending = conditionsOf({
    phase: 'Pending',
    containerStatuses: waiting,
    sandboxReady: false,
  });
  t.same(pending.Ready, unready);
  t.same(pending.ContainersReady, unready);
  t.same(pending.PodReadyToStartContainers, { ...yes, status: 'False' });
  const partly = conditionsOf({ containerStatuses: [status('a', 'waiting')] });
  t.equal(
    partly.Ready?.message,
    'containers with unknown status: [b], containers with unready status: [a]',
  );
  t.end();
});

void t.test('without any statuses', (t) => {
  const conditions = conditionsOf({
    spec: { containers: [container()], initContainers: [container({ name: 'init' })] },
    containerStatuses: undefined,
    phase: 'Pending',
  });
  const unknown = { status: 'False', reason: 'UnknownContainerStatuses', message: undefined };
  t.same(conditions.Initialized, unknown);
  t.same(conditions.Ready, unknown);
  t.same(conditions.ContainersReady, unknown);
  t.end();
});

void t.test('init containers that are not done', (t) => {
  const spec = {
    containers: [container()],
    initContainers: [container({ name: 'one' }), container({ name: 'two' })],
  };
  const input = {
    spec,
    phase: 'Pending' as const,
    initContainerStatuses: [status('one', 0), status('two', 'running', { ready: false })],
    containerStatuses: [status('main', 'waiting')],
  };
  t.same(conditionsOf(input).Initialized, {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: 'containers with incomplete status: [two]',
  });
  const started = { ...input, containerStatuses: [status('main', 'running')] };
  t.same(conditionsOf(started).Initialized, yes);
  t.end();
});

void t.test('a sidecar counts for Initialized once started, and for Ready', (t) => {
  const spec = {
    containers: [container()],
    initContainers: [container({ name: 'side', restartPolicy: 'Always' })],
  };
  const input = { spec, containerStatuses: [status('main', 'waiting')] };
  const before = conditionsOf({ ...input, initContainerStatuses: [status('side', 'running')] });
  t.equal(before.Initialized?.status, 'False');
  const side = status('side', 'running', { started: true, ready: false });
  const after = conditionsOf({ ...input, initContainerStatuses: [side] });
  t.equal(after.Initialized?.status, 'True');
  t.equal(after.Ready?.message, 'containers with unready status: [side main]');
  t.end();
});

void t.test('pods that have ended', (t) => {
  const containerStatuses = [status('a', 0, { ready: false }), status('b', 0, { ready: false })];
  const done = conditionsOf({ phase: 'Succeeded', containerStatuses });
  t.same(done.Initialized, { status: 'True', reason: 'PodCompleted', message: undefined });
  t.same(done.Ready, { status: 'False', reason: 'PodCompleted', message: undefined });
  t.same(done.ContainersReady, { status: 'False', reason: 'PodCompleted', message: undefined });
  const failed = conditionsOf({ phase: 'Failed', containerStatuses });
  t.same(failed.Ready, { status: 'False', reason: 'PodFailed', message: undefined });
  t.end();
});

void t.test('readiness gates', (t) => {
  const spec = {
    containers: [container({ name: 'a' }), container({ name: 'b' })],
    readinessGates: [{ conditionType: 'x.dev/one' }, { conditionType: 'x.dev/two' }],
  };
  const one = { type: 'x.dev/one', status: 'False' } as const;
  const unmet = conditionsOf({ spec, previous: [one] });
  t.same(unmet.Ready, {
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message:
      'the status of pod readiness gate "x.dev/one" is not "True", but False, corresponding condition of pod readiness gate "x.dev/two" does not exist.',
  });
  t.same(unmet.ContainersReady, yes);
  const previous = ['x.dev/one', 'x.dev/two'].map((type) => ({ type, status: 'True' as const }));
  t.same(conditionsOf({ spec, previous }).Ready, yes);
  t.end();
});

void t.test('the transition time stays while the status does', (t) => {
  const earlier = '2030-01-01T00:00:00Z';
  const previous: Condition[] = [
    { type: 'Ready', status: 'False', lastTransitionTime: earlier },
    { type: 'ContainersReady', status: 'True', lastTransitionTime: earlier },
    { type: 'Initialized', status: 'True' },
  ];
  const conditions = podConditions({
    spec: { containers: [container()] },
    phase: 'Running',
    initContainerStatuses: [],
    containerStatuses: [status('main', 'running')],
    sandboxReady: true,
    previous,
    now,
  });
  t.same(
    conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    [
      ['PodReadyToStartContainers', now],
      ['Initialized', now],
      ['Ready', now],
      ['ContainersReady', earlier],
    ],
  );
  t.end();
});
