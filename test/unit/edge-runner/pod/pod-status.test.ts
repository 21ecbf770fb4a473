import t from 'tap';
import type { BackOff } from '../../../../src/edge-runner/pod/back-off.ts';
import {
  lastAttempts,
  podStatus,
  type PodStatusInput,
} from '../../../../src/edge-runner/pod/pod-status.ts';
import type {
  ContainerStateWaiting,
  PodStatus,
  ResourceRequirements,
} from '../../../../src/kube/api.ts';
import { makeContainer, makeExited, makeObserved, makePod, makeSandbox } from './make-observed.ts';

function status(fields: Partial<PodStatusInput> = {}): PodStatus {
  return podStatus({
    ...{ pod: makePod(), observed: makeObserved(), waiting: new Map<string, BackOff>() },
    problems: new Map<string, ContainerStateWaiting>(),
    messages: new Map<string, string>(),
    ...{ finished: false, rejection: undefined, previous: undefined, nowMs: 0 },
    ...{ podIPs: ['10.0.0.2'], hostIPs: ['192.168.7.2'] },
    ...fields,
  });
}

const init = { name: 'init', image: 'init:1' };
const unlocated = { exitCode: 137, reason: 'ContainerStatusUnknown' };

void t.test('while its sandbox is made, containers wait', (t) => {
  const observed = makeObserved({ sandboxes: [] });
  const plain = status({ observed });
  t.match(plain, { phase: 'Pending', startTime: '1970-01-01T00:00:00Z' });
  t.match(plain.containerStatuses, [
    { state: { waiting: { reason: 'ContainerCreating' } }, ready: false, started: false },
  ]);
  const initialising = status({ observed, pod: makePod({ initContainers: [init] }) });
  for (const list of [initialising.initContainerStatuses, initialising.containerStatuses]) {
    t.match(list, [{ state: { waiting: { reason: 'PodInitializing' } }, started: false }]);
  }
  t.end();
});

void t.test('a container that runs after a restart shows how the last one ended', (t) => {
  const containers = [makeContainer({ attempt: 1 }), makeExited({ exitCode: 3 })];
  const { phase, containerStatuses } = status({ observed: makeObserved({ containers }) });
  t.equal(phase, 'Running');
  t.match(containerStatuses, [
    {
      ...{ restartCount: 1, ready: true, started: true },
      state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
      lastState: {
        terminated: { exitCode: 3, reason: 'Error', containerID: 'containerd://web-0' },
      },
    },
  ]);
  t.end();
});

void t.test('a container in its back-off shows it, and its end as the last state', (t) => {
  const { phase, containerStatuses } = status({
    observed: makeObserved({ containers: [makeExited({ attempt: 2 })] }),
    waiting: new Map([['web', { delayMs: 20_000, updatedAtMs: 0 }]]),
  });
  t.equal(phase, 'Running');
  t.match(containerStatuses, [
    {
      restartCount: 2,
      state: { waiting: { reason: 'CrashLoopBackOff', message: /^back-off 20s restarting/ } },
      lastState: { terminated: { exitCode: 1 } },
    },
  ]);
  t.end();
});

void t.test('why a container cannot be started is shown, until the pod is over', (t) => {
  const problem = { reason: 'ErrImagePull', message: 'not found' };
  const problems = new Map([['web', problem]]);
  t.match(status({ problems }).containerStatuses, [{ state: { waiting: problem } }]);
  const over = status({ problems, finished: true });
  t.equal(over.phase, 'Failed');
  t.match(over.containerStatuses, [{ state: { terminated: unlocated } }]);
  t.end();
});

void t.test('an init container is ready once it has succeeded', (t) => {
  const pod = makePod({ initContainers: [init] });
  const done = makeExited({ name: 'init', exitCode: 0, reason: 'Completed' });
  const { initContainerStatuses } = status({ pod, observed: makeObserved({ containers: [done] }) });
  t.match(initContainerStatuses, [
    { ready: true, started: false, state: { terminated: { reason: 'Completed' } } },
  ]);
  t.end();
});

void t.test('what the runtime has forgotten is told from the last status', (t) => {
  const observed = makeObserved({ containers: [makeContainer({ attempt: 4 })] });
  const ran = status({ observed });
  const lost = status({ observed: makeObserved(), previous: ran });
  t.match(lost.containerStatuses, [
    {
      restartCount: 4,
      state: { waiting: { reason: 'ContainerCreating' } },
      lastState: { terminated: unlocated },
    },
  ]);
  t.same([...lastAttempts(lost)], [['web', 4]]);
  const ended = status({ observed: makeObserved({ containers: [makeExited()] }) });
  const after = status({ observed: makeObserved({ sandboxes: [] }), previous: ended });
  t.same(after.containerStatuses, ended.containerStatuses, 'an end that was seen stays');
  t.end();
});

void t.test('a container that has not begun counts as no attempt', (t) => {
  t.same([...lastAttempts(status())], []);
  t.end();
});

void t.test('a container in an unknown state ran and is lost', (t) => {
  const running = makeObserved({ containers: [makeContainer()] });
  const unknown = makeObserved({ containers: [makeContainer({ state: 'unknown' })] });
  const { containerStatuses } = status({
    observed: unknown,
    previous: status({ observed: running }),
  });
  t.match(containerStatuses, [{ state: { terminated: unlocated }, ready: false }]);
  t.end();
});

void t.test('a pod that was refused has no containers to show', (t) => {
  const rejection = { reason: 'UnsupportedPodSpec', message: 'Pod was rejected: why' };
  const refused = status({ rejection, finished: true, observed: makeObserved({ sandboxes: [] }) });
  t.same(refused, {
    ...{ phase: 'Failed', ...rejection, startTime: '1970-01-01T00:00:00Z' },
    qosClass: 'BestEffort',
  });
  t.end();
});

void t.test('a pod that is over has succeeded or failed', (t) => {
  const over = (exitCode: number): PodStatus['phase'] => {
    const observed = makeObserved({
      sandboxes: [makeSandbox({ ready: false })],
      containers: [makeExited({ exitCode })],
    });
    return status({ observed, finished: true }).phase;
  };
  t.equal(over(0), 'Succeeded');
  t.equal(over(1), 'Failed');
  t.end();
});

void t.test('readiness gates are left to the provider', (t) => {
  const pod = makePod({ readinessGates: [{ conditionType: 'example.com/ready' }] });
  const { conditions } = status({ pod, observed: makeObserved({ containers: [makeContainer()] }) });
  t.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  t.end();
});

void t.test('termination messages are those that were read', (t) => {
  const observed = makeObserved({ containers: [makeExited({ message: 'runtime' })] });
  const read = status({ observed, messages: new Map([['web-0', 'own']]) });
  t.match(read.containerStatuses, [{ state: { terminated: { message: 'own' } } }]);
  t.match(status({ observed }).containerStatuses, [
    { state: { terminated: { message: 'runtime' } } },
  ]);
  t.end();
});

void t.test('a pod as a whole reports what it has until all its containers have more', (t) => {
  const before = { requests: { cpu: '1' }, limits: { cpu: '1' } };
  const wants = { requests: { cpu: '2' }, limits: { cpu: '2' } };
  const pod = makePod();
  pod.spec.resources = wants;
  const reported = (...given: ResourceRequirements[]): unknown => {
    const containers = given.map((has) =>
      makeContainer({ resources: { container: {}, pod: has } }),
    );
    const { resources, allocatedResources } = status({
      pod,
      observed: makeObserved({ containers }),
    });
    return { resources, allocatedResources };
  };
  const allocatedResources = { cpu: '2' };
  t.same(reported(wants, before), { resources: before, allocatedResources });
  t.same(reported(wants, wants), { resources: wants, allocatedResources });
  t.notOk('resources' in status({ pod: makePod() }), 'others report nothing of the kind');
  t.end();
});

void t.test(
  'a container reports what it has, and what it was allotted where that is the same to the kernel',
  (t) => {
    const reported = (has: ResourceRequirements, wants: ResourceRequirements): unknown => {
      const pod = makePod({ containers: [{ name: 'web', image: 'web:1', resources: wants }] });
      const containers = [makeContainer({ resources: { container: has } })];
      return status({ pod, observed: makeObserved({ containers }) }).containerStatuses?.[0]
        ?.resources;
    };
    const half = { requests: { cpu: '500m', memory: '30Mi' }, limits: { cpu: '500m' } };
    const whole = { requests: { cpu: '1', memory: '30Mi' }, limits: { cpu: '1' } };
    t.same(reported(half, whole), half, 'not resized yet');
    t.same(reported(whole, whole), whole);
    const moreMemory = { ...half, requests: { cpu: '500m', memory: '35Mi' } };
    t.same(reported(half, moreMemory), moreMemory, 'a memory request is nothing to a cgroup');
    const least = { requests: { cpu: '1m' }, limits: { cpu: '5m' } };
    const alsoLeast = { requests: { cpu: '2m' }, limits: { cpu: '10m' } };
    t.same(reported(alsoLeast, least), least, 'both are below the least that a cgroup can say');
    t.end();
  },
);
