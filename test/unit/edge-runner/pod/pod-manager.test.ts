import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { HostError } from '../../../../src/edge-runner/host/host-error.ts';
import { PodManager } from '../../../../src/edge-runner/pod/pod-manager.ts';
import type { PodWorker } from '../../../../src/edge-runner/pod/pod-worker.ts';
import type { ContainerStateTerminated, Pod, PodStatus } from '../../../../src/kube/api.ts';
import { FakeContext } from './fake-context.ts';
import type { FakeRuntime } from './fake-runtime.ts';
import { makePod, web } from './make-observed.ts';

const killed = { exitCode: 137, exitedAtMs: 0 };

interface Bench {
  fake: FakeContext;
  pods: PodManager;
  lastStatus: Map<string, PodStatus>;
  stop: () => Promise<void>;
}

function bench(t: Test, runtime?: FakeRuntime): Bench {
  const fake = new FakeContext(runtime);
  const stop = new AbortController();
  const lastStatus = new Map<string, PodStatus>();
  const options = {
    context: fake.context,
    lastStatus: (uid: string): PodStatus | undefined => lastStatus.get(uid),
  };
  const pods = new PodManager(options, stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await pods.stopped();
  };
  t.teardown(end);
  return { fake, pods, lastStatus, stop: end };
}

function named(uid: string, spec: Partial<Pod['spec']> = {}): Pod {
  const pod = makePod({ terminationGracePeriodSeconds: 30, ...spec });
  return { ...pod, metadata: { ...pod.metadata, uid } };
}

function deleted(pod: Pod, deletionGracePeriodSeconds: number): Pod {
  const deletion = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds };
  return { ...pod, metadata: { ...pod.metadata, ...deletion } };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  await waitFor(condition, { what, timeoutMs: 5_000, intervalMs: 2 });
}

const phaseIs =
  ({ fake }: Bench, phase: string) =>
  (): boolean =>
    fake.reports.at(-1)?.status['phase'] === phase;

async function running(bench: Bench, pod: Pod): Promise<void> {
  bench.pods.setDesired([pod]);
  await until('the pod to run', phaseIs(bench, 'Running'));
}

/** A pod runs that is never restarted: `id` of its container, and how that has ended. */
async function runningOnce(
  t: Test,
): Promise<Bench & { id: string; end: () => ContainerStateTerminated | undefined }> {
  const made = bench(t);
  await running(made, named('a', { restartPolicy: 'Never' }));
  const [worker] = made.pods.list();
  const id = worker?.observed.containers[0]?.id ?? '';
  const end = (): ContainerStateTerminated | undefined =>
    worker?.status?.containerStatuses?.[0]?.state.terminated;
  return { ...made, id, end };
}

void t.test('a pod is brought up, and reported gone once nothing is left of it', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  pods.setDesired([deleted(named('a'), 30)]);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.match(fake.reports.at(-1)?.status, {
    phase: 'Succeeded',
    containerStatuses: [{ state: { terminated: { exitCode: 0 } } }],
  });
  t.equal(fake.runtime.containers.size + fake.runtime.sandboxes.size, 0);
  t.same(fake.tornDown, ['a']);
  t.same(pods.endingBesides([]), [], 'it is no pod that still ends, though its worker is there');
  pods.setDesired([]);
  await until('the pod to be forgotten', () => fake.forgotten.includes('a'));
});

void t.test('a pod whose bandwidth cannot be bounded is not left with a sandbox', async (t) => {
  const { fake, pods } = bench(t);
  fake.bandwidthFailure = new HostError('BANDWIDTH_UNAVAILABLE', 'there is no tc');
  pods.setDesired([named('a')]);
  const reasons = (): string[] => fake.events.map(({ reason }) => reason);
  await until('the event', () => reasons().includes('FailedCreatePodSandBox'));
  t.same(fake.runtime.calls.slice(0, 3), ['run-sandbox', 'stop-sandbox', 'remove-sandbox']);
  t.match(
    fake.events.find(({ reason }) => reason === 'FailedCreatePodSandBox')?.message,
    'Failed to create pod sandbox: there is no tc',
  );
  t.equal(fake.runtime.sandboxes.size, 0);
});

void t.test('a pod that wants users of its own waits for a runtime that can', async (t) => {
  const { fake, pods } = bench(t);
  pods.setDesired([named('a', { hostUsers: false })]);
  const event = { type: 'Warning', reason: 'FailedCreatePodSandBox' };
  await until('the event', () => fake.events.some(({ reason }) => reason === event.reason));
  const message =
    "Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces";
  t.match(fake.events, [{ ...event, message }]);
  t.match(fake.reports.at(-1)?.status, {
    phase: 'Pending',
    containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }],
  });
  t.same(fake.runtime.calls, []);
  t.equal(fake.idRanges.given.size, 0);
});

void t.test('sandbox, containers and mounts of a pod have the same users', async (t) => {
  const made = bench(t);
  const features = { recursiveReadOnlyMounts: false, userNamespaces: true };
  made.fake.handlers = [{ name: '', features }];
  await running(made, named('a', { hostUsers: false }));
  const mapping = [{ hostId: 65_536, containerId: 0, length: 65_536 }];
  const linux = {
    securityContext: {
      namespaceOptions: { usernsOptions: { mode: 'POD', uids: mapping, gids: mapping } },
    },
  };
  const [sandbox, container] = made.fake.runtime.configs;
  t.match(sandbox, { linux });
  t.match(container, { linux });
  const { mounts } = container as { mounts: object[] };
  t.match(
    mounts.map((mount) => ({ uidMappings: undefined, ...mount })),
    [
      { containerPath: '/etc/hosts', uidMappings: mapping, gidMappings: mapping },
      { containerPath: '/dev/termination-log', uidMappings: mapping, gidMappings: mapping },
    ],
  );
  made.fake.handlers = [];
  made.fake.runtime.exit('web', 1);
  made.pods.wakeAll();
  const failure = (): string | undefined =>
    made.fake.events.find(({ reason }) => reason === 'Failed')?.message;
  await until('the problem', () => failure() !== undefined);
  const why = "Error: can't set `spec.hostUsers: false`, runtime does not support user namespaces";
  t.equal(failure(), why, 'a container that starts again needs the runtime to be able still');
});

void t.test('a pod whose cgroup cannot be made says so, and waits', async (t) => {
  const { fake, pods } = bench(t);
  fake.cgroupFailure = new HostError('CGROUP_UNWRITABLE', 'no room');
  pods.setDesired([named('a')]);
  await until('the event', () => fake.events.length > 0);
  t.match(fake.events, [
    {
      ...{ type: 'Warning', reason: 'FailedCreatePodContainer' },
      message: 'unable to ensure pod container exists: no room',
    },
  ]);
  t.same(fake.runtime.calls, []);
});

void t.test(
  'without a network pods wait, but for those of the host, and go on with it',
  async (t) => {
    const { fake, pods } = bench(t);
    fake.networkProblem = 'container runtime network not ready: NetworkReady=false';
    const host = named('h', { hostNetwork: true });
    pods.setDesired([named('a'), { ...host, metadata: { ...host.metadata, name: 'host' } }]);
    await until('the pod of the host to run', () => fake.runtime.running().length === 1);
    await until('the event', () => fake.events.some(({ pod }) => pod.uid === 'a'));
    t.match(
      fake.events.filter(({ pod }) => pod.uid === 'a'),
      [
        {
          ...{ type: 'Warning', reason: 'NetworkNotReady' },
          message: 'network is not ready: container runtime network not ready: NetworkReady=false',
        },
      ],
    );
    t.equal(fake.runtime.sandboxes.size, 1);
    fake.networkProblem = undefined;
    const sinceMs = performance.now();
    pods.networkIsBack();
    await until('the other to run', () => fake.runtime.running().length === 2);
    t.ok(performance.now() - sinceMs < 900, 'no delay is waited for');
  },
);

void t.test('a runtime that fails at a pod is told of, one that is away is not', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  const failures = (): string[] =>
    fake.events
      .filter(({ type }) => type === 'Warning')
      .map(({ reason, message }) => `${reason}: ${message}`);
  fake.runtime.failure = 'UNAVAILABLE';
  fake.runtime.isThere = false;
  pods.wakeAll();
  await until('a complaint', () => fake.complaints.length > 0);
  t.same(failures(), []);
  fake.runtime.isThere = true;
  fake.runtime.failure = 'UNKNOWN';
  pods.wakeAll();
  await until('the event', () => failures().length > 0);
  t.same(failures(), ['FailedSync: error determining status: the fake fails']);
  fake.runtime.failure = undefined;
  fake.runtime.stopFailure = 'UNKNOWN';
  pods.setDesired([deleted(named('a'), 30)]);
  await until('the other event', () => failures().length > 1);
  t.same(failures().slice(1), ['FailedKillPod: error killing pod: it does not stop']);
  fake.runtime.stopFailure = undefined;
  pods.wakeAll();
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
});

void t.test('a pod that is deleted while its image is pulled starts nothing', async (t) => {
  const { fake, pods } = bench(t);
  fake.runtime.gates.set('pull', new Promise(() => undefined));
  const pod = named('a', { containers: [{ name: 'web', image: 'slow:1' }] });
  pods.setDesired([pod]);
  await until('the pull', () => fake.runtime.calls.includes('pull'));
  pods.setDesired([deleted(pod, 30)]);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.notOk(fake.runtime.calls.includes('create'));
  t.equal(fake.runtime.sandboxes.size, 0);
});

void t.test('a pod that waits for its turn to pull can be deleted', async (t) => {
  const { fake, pods } = bench(t);
  fake.runtime.gates.set('pull', new Promise(() => undefined));
  const slow = ['a', 'b', 'c'].map((uid) => {
    const pod = named(uid, { containers: [{ name: 'web', image: `slow-${uid}:1` }] });
    return { ...pod, metadata: { ...pod.metadata, name: `shop-${uid}` } };
  });
  pods.setDesired(slow);
  await until('three sandboxes', () => fake.runtime.sandboxes.size === 3);
  await until('two pulls', () => fake.runtime.calls.filter((call) => call === 'pull').length === 2);
  pods.setDesired(slow.slice(0, 2));
  await until('the third to be gone', () => fake.forgotten.includes('c'));
});

void t.test('a pod that is deleted while its sandbox is made leaves no sandbox', async (t) => {
  const { fake, pods } = bench(t);
  const gate = Promise.withResolvers<undefined>();
  fake.runtime.gates.set('run-sandbox', gate.promise);
  pods.setDesired([named('a')]);
  await until('the sandbox to be asked for', () => fake.runtime.calls.includes('run-sandbox'));
  pods.setDesired([deleted(named('a'), 0)]);
  gate.resolve(undefined);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.equal(fake.runtime.sandboxes.size, 0);
  t.notOk(fake.runtime.calls.includes('create'));
});

void t.test('a pod that is deleted between two of its containers starts no second', async (t) => {
  const { fake, pods } = bench(t);
  const gate = Promise.withResolvers<undefined>();
  fake.runtime.gates.set('start', gate.promise);
  const pod = named('a', {
    containers: [
      { name: 'web', image: 'web:1' },
      { name: 'side', image: 'side:1' },
    ],
  });
  pods.setDesired([pod]);
  await until('the first container to start', () => fake.runtime.calls.includes('start'));
  pods.setDesired([deleted(pod, 0)]);
  gate.resolve(undefined);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.equal(fake.runtime.calls.filter((call) => call === 'create').length, 1);
});

void t.test('a second delete shortens the grace while containers are stopped', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  fake.runtime.obedient = false;
  await running(made, named('a'));
  pods.setDesired([deleted(named('a'), 30)]);
  await until('the first stop', () => fake.runtime.graces.length === 1);
  pods.setDesired([deleted(named('a'), 5)]);
  await until('the second stop', () => fake.runtime.graces.length === 2);
  pods.setDesired([deleted(named('a'), 0)]);
  await until('the third stop', () => fake.runtime.graces.length === 3);
  t.same(fake.runtime.graces, [30, 5, 2], 'never less than the two seconds of a kubelet');
  t.same(fake.forgottenNeighbours, [], 'its address is its own as long as it runs');
  fake.runtime.exit('web', 137);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.ok(fake.forgottenNeighbours.includes('10.0.0.9'), 'the next pod with its address is found');
  t.match(fake.reports.at(-1)?.status, {
    containerStatuses: [{ state: { terminated: { exitCode: 137 } } }],
  });
});

void t.test('a faster stop that fails harms nobody', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  fake.runtime.obedient = false;
  await running(made, named('a'));
  pods.setDesired([deleted(named('a'), 30)]);
  await until('the first stop', () => fake.runtime.graces.length === 1);
  fake.runtime.failure = 'INTERNAL';
  pods.setDesired([deleted(named('a'), 5)]);
  await until('the second stop', () => fake.runtime.graces.length === 2);
  fake.runtime.failure = undefined;
  fake.runtime.exit('web', 0);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.pass();
});

void t.test('the runner ends at once, whatever pods are doing', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  fake.runtime.obedient = false;
  await running(made, named('a'));
  pods.setDesired([deleted(named('a'), 3600)]);
  await until('the stop', () => fake.runtime.graces.length === 1);
  await made.stop();
  t.equal(fake.runtime.running().length, 1, 'the container is left to the next runner');
  t.same(fake.forgotten, []);
});

void t.test('a pod waits for the end of the one whose name it has taken', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  fake.runtime.obedient = false;
  await running(made, named('old'));
  pods.setDesired([named('new')]);
  await until('the old one to be stopped', () => fake.runtime.graces.length === 1);
  t.equal(pods.find('berlin', 'shop')?.pod.metadata.uid, 'new', 'the name is the new one’s');
  t.equal(fake.runtime.sandboxes.size, 1, 'the new one has not begun');
  fake.runtime.exit('web', 0);
  await until('the new one to run', () => fake.reports.at(-1)?.uid === 'new');
  t.ok(fake.forgotten.includes('old'));
});

void t.test('a pod waits also for what an earlier runner left of its namesake', async (t) => {
  const first = bench(t);
  await running(first, named('old'));
  await first.stop();
  const { fake } = first;
  const stop = new AbortController();
  const options = { context: fake.context, lastStatus: (): undefined => undefined };
  const pods = new PodManager(options, stop.signal);
  fake.runtime.obedient = false;
  await pods.removeOrphans([named('new')], ['old', 'long-gone']);
  pods.setDesired([named('new')]);
  await until('the old one to be stopped', () => fake.runtime.graces.length === 1);
  t.equal(fake.runtime.sandboxes.size, 1);
  fake.runtime.exit('web', 0);
  await until('the new one to run', () => fake.reports.at(-1)?.uid === 'new');
  t.ok(fake.forgotten.includes('long-gone'), 'reports about pods that are long gone go, too');
  stop.abort();
  await pods.stopped();
});

void t.test('a pod that is desired again while it ends starts again', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  fake.runtime.obedient = false;
  await running(made, named('a'));
  pods.setDesired([]);
  await until('the stop', () => fake.runtime.graces.length === 1);
  pods.setDesired([named('a')]);
  fake.runtime.exit('web', 0);
  await until('it to run again', () => fake.runtime.running().length === 1);
  t.same(fake.forgotten, ['a']);
});

void t.test('pods that cannot be read are refused, and others go on', async (t) => {
  const { fake, pods } = bench(t);
  const bad = (uid: string, object: object): Pod =>
    ({ metadata: { uid, name: uid, namespace: 'berlin' }, ...object }) as unknown as Pod;
  pods.setDesired([
    bad('no-spec', {}),
    bad('no-containers', { spec: {} }),
    bad('null', { spec: { containers: null } }),
    bad('quantity', {
      spec: { containers: [{ name: 'x', resources: { limits: { cpu: 'much' } } }] },
    }),
    bad('nameless', { spec: { containers: [{ image: 'x' }] } }),
    bad('labels', {
      metadata: { uid: 'labels', name: 'labels', namespace: 'berlin', labels: { a: { b: 1 } } },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    }),
    { ...named('escape'), metadata: { name: '../../etc', namespace: 'berlin', uid: 'escape' } },
    named('good'),
  ]);
  await until('the good one to run', () =>
    fake.reports.some(({ uid, status }) => uid === 'good' && status['phase'] === 'Running'),
  );
  const phases = new Map(
    fake.reports.map(({ uid, status }) => [uid, [status['phase'], status['reason']].join(' ')]),
  );
  for (const uid of ['no-spec', 'no-containers', 'null', 'quantity', 'nameless', 'labels']) {
    t.equal(phases.get(uid), 'Failed InvalidPodSpec', uid);
    t.ok(fake.events.some((event) => event.pod.uid === uid && event.reason === 'InvalidPodSpec'));
  }
  t.notOk(phases.has('escape'), 'a name that leads out of its folder gets no worker');
  pods.setDesired([]);
  await until('all to be gone', () => fake.forgotten.length === 7);
});

void t.test('a running pod keeps its spec when a change of it cannot be read', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  pods.setDesired([{ ...named('a'), spec: {} } as Pod]);
  await until('the event', () => fake.events.some(({ reason }) => reason === 'InvalidPodSpec'));
  t.equal(fake.runtime.running().length, 1);
  pods.setDesired([{ ...deleted(named('a'), 1), spec: {} } as Pod]);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
});

void t.test('a container whose image is changed starts anew, whatever its policy', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  const pod = named('a', { restartPolicy: 'Never' });
  await running(made, pod);
  for (const [place, image] of ['side:1', 'init:1', 'web:1'].entries()) {
    pods.setDesired([{ ...pod, spec: { ...pod.spec, containers: [{ ...web, image }] } }]);
    const attempt = `web-${place + 1}-`;
    await until(`${image} to run`, () => fake.runtime.running()[0]?.startsWith(attempt) === true);
  }
  await until(
    'its status',
    () => fake.reports.at(-1)?.status['phase'] === 'Running' && fake.runtime.containers.size === 2,
  );
  t.notOk(fake.events.some(({ reason }) => reason === 'BackOff'));
  t.match(
    fake.events.filter(({ reason }) => reason === 'Killing').map(({ message }) => message),
    ['Container web definition changed, will be restarted'],
  );
});

void t.test('a pod that had ended before the runner started is left as it was', async (t) => {
  const { fake, pods, lastStatus } = bench(t);
  const status: PodStatus = { phase: 'Succeeded', startTime: '2026-01-01T00:00:00Z' };
  lastStatus.set('a', status);
  const pod = named('a', { restartPolicy: 'Never' });
  pods.setDesired([pod]);
  await until('its remains to be cleaned up', () => fake.tornDown.includes('a'));
  t.same(fake.reports, []);
  t.same(fake.runtime.calls, []);
  pods.setDesired([deleted(pod, 30)]);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.same(fake.reports.at(-1)?.status, status);
});

void t.test(
  'a pod that the cloud calls over never starts, though nothing here knows it',
  async (t) => {
    const { fake, pods, lastStatus } = bench(t);
    const terminated = { exitCode: 3, containerID: 'containerd://long-gone' };
    const containerStatuses = [{ name: 'web', state: { terminated }, lastState: {} }];
    const told = { phase: 'Failed', startTime: '2026-01-01T00:00:00Z', containerStatuses };
    const over = (uid: string, status: object): Pod => ({
      ...named(uid),
      metadata: { ...named(uid).metadata, name: uid },
      status: status,
    });
    lastStatus.set('known', { phase: 'Running' });
    const odd = { phase: 'Succeeded', reason: 7, containerStatuses: [{ state: 'no' }] };
    pods.setDesired([over('lost', told), over('known', { phase: 'Succeeded' }), over('odd', odd)]);
    await until('the remains of all to be cleaned up', () => fake.tornDown.length === 3);
    t.same(fake.runtime.calls, []);
    t.same(pods.list().find(({ pod }) => pod.metadata.uid === 'lost')?.status, told);
    t.same(
      fake.reports.map(({ uid, status }) => [uid, status]).sort(),
      [
        ['known', { phase: 'Succeeded' }],
        ['lost', told],
        ['odd', { phase: 'Succeeded' }],
      ],
      'and from then on something knows it',
    );
  },
);

void t.test('a container that the runtime has forgotten counts its restarts on', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  fake.runtime.exit('web', 1);
  pods.wakeAll();
  await until('the restart', () => fake.runtime.running().some((id) => id.startsWith('web-1')));
  await until('its report', () => JSON.stringify(fake.reports.at(-1)).includes('"restartCount":1'));
  fake.runtime.containers.clear();
  pods.wakeAll();
  await until('the next', () => fake.runtime.running().some((id) => id.startsWith('web-2')));
});

void t.test('a pod that never restarts does not when the runtime has forgotten it', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a', { restartPolicy: 'Never' }));
  fake.runtime.containers.clear();
  fake.runtime.sandboxes.clear();
  pods.wakeAll();
  await until('the pod to fail', phaseIs(made, 'Failed'));
  t.match(fake.reports.at(-1)?.status, {
    containerStatuses: [
      { state: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } } },
    ],
  });
});

void t.test('while the runtime is away pods keep their last status, then go on', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  const reports = fake.reports.length;
  fake.runtime.failure = 'UNAVAILABLE';
  pods.wakeAll();
  await until('a complaint', () => fake.complaints.length > 0);
  t.equal(fake.reports.length, reports);
  fake.runtime.failure = undefined;
  fake.runtime.exit('web', 1);
  pods.wakeAll();
  await until('the restart', () => fake.runtime.running().length === 1);
});

void t.test('a clock that jumps back does not freeze a back-off', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  for (let restart = 1; restart <= 2; restart += 1) {
    fake.runtime.exit('web', 1);
    pods.wakeAll();
    if (restart === 1) {
      await until('the restart', () => fake.runtime.running().length === 1);
    }
  }
  await until('the back-off', () => JSON.stringify(fake.reports).includes('CrashLoopBackOff'));
  fake.clock.wallOffsetMs = -365 * 86_400_000;
  fake.clock.monotonicOffsetMs = 10_000;
  pods.wakeAll();
  await until('the next restart', () => fake.runtime.running().length === 1);
});

void t.test('a clock that jumps ahead does not end a pod by its deadline', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a', { activeDeadlineSeconds: 600 }));
  fake.clock.wallOffsetMs = 365 * 86_400_000;
  const reports = fake.reports.length;
  fake.runtime.exit('web', 1);
  pods.wakeAll();
  await until('a report', () => fake.reports.length > reports);
  t.equal(fake.reports.at(-1)?.status['phase'], 'Running');
  fake.clock.monotonicOffsetMs = 600_000;
  pods.wakeAll();
  await until('the deadline', phaseIs(made, 'Failed'));
  t.equal(fake.reports.at(-1)?.status['reason'], 'DeadlineExceeded');
});

void t.test('a change that comes while volumes are written is written, too', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  const gate = Promise.withResolvers<undefined>();
  fake.refreshGate = gate.promise;
  const changed = [{ kind: 'ConfigMap', namespace: 'berlin', name: 'conf' }];
  pods.setDesired([named('a')], changed);
  await until('the first refresh', () => fake.refreshed.length === 1);
  pods.setDesired([named('a')], changed);
  gate.resolve(undefined);
  await until('the second refresh', () => fake.refreshed.length === 2);
});

void t.test('labels and annotations that change reach the volumes', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  const labelled = (labels: Record<string, string>, note?: string): Pod => {
    const pod = named('a');
    const annotations = note === undefined ? {} : { annotations: { note } };
    return { ...pod, metadata: { ...pod.metadata, labels, ...annotations } };
  };
  await running(made, labelled({ tier: 'one' }));
  pods.setDesired([labelled({ tier: 'two' })]);
  await until('the refresh for the label', () => fake.refreshed.length === 1);
  pods.setDesired([labelled({ tier: 'two' }, 'new')]);
  await until('the refresh for the annotation', () => fake.refreshed.length === 2);
});

void t.test('a change in another namespace concerns nobody here', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  pods.setDesired([named('a')], [{ kind: 'Secret', namespace: 'paris', name: 'key' }]);
  pods.wakeAll();
  fake.runtime.exit('web', 1);
  pods.wakeAll();
  await until('the restart', () => fake.runtime.running().length === 1);
  t.same(fake.refreshed, []);
});

void t.test('a container is OOMKilled also if it is told after its end', async (t) => {
  for (const isTold of [true, false]) {
    const { fake, pods, id, end } = await runningOnce(t);
    fake.runtime.exit('web', 137);
    if (isTold) pods.containerEnded(id, killed);
    else pods.wakeAll();
    await new Promise((resolve) => setTimeout(resolve, 20));
    pods.containerOutOfMemory(id);
    await until('its end', () => end() !== undefined);
    t.equal(end()?.reason, 'OOMKilled', isTold ? 'told first' : 'seen first');
  }
});

void t.test(
  'a resize that waited when the last runner ended is not carried out by the next',
  (t) => {
    const { pods, lastStatus } = bench(t);
    const resources = (cpu: string): object => ({ requests: { cpu } });
    const container = { name: 'web', image: 'web:1', resources: resources('5000') };
    lastStatus.set('a', {
      phase: 'Running',
      conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }],
      containerStatuses: [
        {
          ...{ name: 'web', state: {}, lastState: {}, ready: true, restartCount: 0 },
          ...{ image: '', imageID: '', resources: resources('500m') },
        },
      ],
    });
    pods.setDesired([named('a', { containers: [container] })]);
    t.match(pods.list()[0]?.pod.spec.containers, [{ resources: resources('500m') }]);
    t.end();
  },
);

void t.test('ends of containers are counted, each once', async (t) => {
  const made = await runningOnce(t);
  const { fake, pods } = made;
  fake.runtime.exit('web', 139);
  pods.wakeAll();
  await until('its end', phaseIs(made, 'Failed'));
  pods.setDesired([deleted(named('a', { restartPolicy: 'Never' }), 1)]);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  const count = { type: 'container', exitCode: 139, reason: 'Error', count: 1 };
  t.same(fake.context.terminations.all, [count]);

  await running(made, named('b'));
  fake.runtime.exit('web', 139);
  pods.wakeAll();
  await until('the back-off', () => fake.context.terminations.all[0]?.count === 2);
});

void t.test('an end that containerd forgot is known from the event stream', async (t) => {
  const { fake, pods, id, end } = await runningOnce(t);
  pods.containerEnded(id, { exitCode: 0, exitedAtMs: Date.UTC(2026, 0, 2) });
  fake.runtime.exit('web', 255, 'Unknown');
  await until('its end', () => pods.list()[0]?.status?.phase === 'Succeeded');
  t.match(end(), {
    ...{ exitCode: 0, reason: 'Completed' },
    ...{ startedAt: '1970-01-01T00:00:01Z', finishedAt: '2026-01-02T00:00:00Z' },
  });
});

void t.test('so is one of which nobody knows when it was', async (t) => {
  const { fake, pods, id, end } = await runningOnce(t);
  pods.containerEnded(id, { exitCode: 3, exitedAtMs: undefined });
  fake.runtime.exit('web', 255, 'Unknown');
  await until('its end', () => pods.list()[0]?.status?.phase === 'Failed');
  t.match(end(), { exitCode: 3, reason: 'Error' });
});

void t.test('what nobody heard of an end stays unknown', async (t) => {
  const { fake, pods, end } = await runningOnce(t);
  fake.runtime.exit('web', 255, 'Unknown');
  pods.wakeAll();
  await until('its end', () => pods.list()[0]?.status?.phase === 'Failed');
  t.match(end(), { exitCode: 255, reason: 'Unknown' });
});

void t.test('a pod that is deleted while its own end is cleaned up goes', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  const pod = named('a', { restartPolicy: 'Never' });
  await running(made, pod);
  const gate = Promise.withResolvers<undefined>();
  fake.runtime.gates.set('stop-sandbox', gate.promise);
  fake.runtime.exit('web', 1);
  pods.wakeAll();
  await until('the sandbox to be stopped', () => fake.runtime.calls.includes('stop-sandbox'));
  pods.setDesired([deleted(pod, 1)]);
  await new Promise(setImmediate);
  gate.resolve(undefined);
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.equal(fake.runtime.sandboxes.size, 0);
});

void t.test('of two pods with one name the uid tells which is meant', async (t) => {
  const made = bench(t);
  const { pods } = made;
  await running(made, named('a'));
  const { namespace = '', name } = named('a').metadata;
  t.equal(pods.find(namespace, name)?.pod.metadata.uid, 'a');
  t.equal(pods.find(namespace, name, 'a')?.pod.metadata.uid, 'a');
  t.equal(pods.find(namespace, name, 'b'), undefined);
});

void t.test('the end of a container of somebody else wakes no pod that sleeps', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  const other = { ...named('b'), metadata: { ...named('b').metadata, name: 'other' } };
  pods.setDesired([named('a'), other]);
  const isAsleep = ({ isAtWork, status }: PodWorker): boolean =>
    !isAtWork && status?.phase === 'Running';
  await until('both to run and sleep', () => pods.list().every(isAsleep));
  const before = fake.runtime.looks.length;
  pods.containerEnded('foreign', killed);
  const sandbox = pods.list()[1]?.observed.sandboxes[0];
  pods.containerEnded(sandbox?.id ?? '', killed);
  await until('a look at the other', () => fake.runtime.looks.length > before);
  t.same(new Set(fake.runtime.looks.slice(before)), new Set(['b']));
});

void t.test('the end of a sandbox that CRI still calls ready is waited for', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  const [sandbox] = fake.runtime.sandboxes.values();
  t.ok(sandbox);
  if (sandbox === undefined) return;
  pods.containerEnded(sandbox.id, killed);
  setTimeout(() => {
    sandbox.ready = false;
    fake.runtime.exit('web', 137);
  }, 30);
  await until('a new sandbox', () => fake.runtime.sandboxes.size === 2);
});

void t.test('volumes that cannot be removed keep the status of how the pod ended', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  fake.teardownFailure = new Error('busy');
  pods.setDesired([deleted(named('a'), 2)]);
  await until('a complaint', () => fake.complaints.length > 0);
  t.match(fake.reports.at(-1), { gone: false, status: { phase: 'Succeeded' } });
  fake.teardownFailure = undefined;
  pods.wakeAll();
  await until('the pod to be gone', () => fake.reports.at(-1)?.gone === true);
  t.match(fake.reports.at(-1)?.status, {
    containerStatuses: [{ state: { terminated: { exitCode: 0 } } }],
  });
});

void t.test('a store that cannot be written ends no other pod', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  fake.forgetFailure = new Error('database or disk is full');
  pods.setDesired([]);
  await until('a complaint', () => fake.complaints.length > 0);
  t.equal(pods.find('berlin', 'shop'), undefined);
});

void t.test('a sandbox that dies again and again is replaced ever more slowly', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  const sandboxesMade = (): number =>
    fake.runtime.calls.filter((call) => call === 'run-sandbox').length;
  const kill = (): void => {
    for (const sandbox of fake.runtime.sandboxes.values()) sandbox.ready = false;
    fake.runtime.exit('web', 137);
    pods.wakeAll();
  };
  await running(made, named('a'));
  kill();
  await until('the second', () => sandboxesMade() === 2);
  await until('it to run', () => fake.runtime.running().length === 1);
  const reports = fake.reports.length;
  kill();
  await until('the loss to be seen', () => fake.reports.length > reports);
  t.equal(sandboxesMade(), 2, 'the third waits');
  fake.clock.monotonicOffsetMs = 1_000;
  pods.wakeAll();
  await until('the third', () => sandboxesMade() === 3);
});

void t.test('critical pods begin first, then by priority, then the oldest', (t) => {
  const { pods } = bench(t);
  const made = (uid: string, priority: number, creationTimestamp: string): Pod => {
    const pod = named(uid, { priority });
    return { ...pod, metadata: { ...pod.metadata, name: uid, creationTimestamp } };
  };
  const unreadable = { metadata: { name: 'odd', namespace: 'berlin', uid: 'odd' } } as Pod;
  const fromFile = made('static', 0, '2026-01-03T00:00:00Z');
  fromFile.metadata.annotations = { 'kubernetes.io/config.source': 'file' };
  pods.setDesired([
    unreadable,
    made('young', 0, '2026-01-02T00:00:00Z'),
    made('old', 0, '2026-01-01T00:00:00Z'),
    made('high', 1000, '2026-01-03T00:00:00Z'),
    fromFile,
    made('system', 2_000_000_000, '2026-01-02T00:00:00Z'),
  ]);
  t.same(
    pods.list().map(({ pod }) => pod.metadata.name),
    ['system', 'static', 'high', 'old', 'young', 'odd'],
  );
  t.end();
});

void t.test('pods that come together wait for each other before the first begins', (t) => {
  const { fake, pods } = bench(t);
  const gathered = mock.method(fake.context.starts, 'gather');
  pods.setDesired(['a', 'b', 'c'].map((uid) => named(uid)));
  pods.setDesired(['a', 'b', 'c', 'd'].map((uid) => named(uid)));
  t.match(
    gathered.mock.calls.map((call) => call.arguments),
    [[3], [1]],
  );
  t.end();
});

void t.test('a critical pod takes a place at once, and others take none', async (t) => {
  const { fake, pods } = bench(t);
  const cpu = (uid: string, request: string, priority: number): Pod => {
    const resources = { requests: { cpu: request } };
    const pod = named(uid, { priority, containers: [{ ...web, resources }] });
    return { ...pod, metadata: { ...pod.metadata, name: uid } };
  };
  const [lesser, vain, system] = [
    cpu('lesser', '3', 0),
    cpu('vain', '2', 1000),
    cpu('system', '2', 2_000_000_000),
  ];
  const statusOf = (uid: string): PodStatus | undefined =>
    pods.list().find(({ pod }) => pod.metadata.uid === uid)?.status;
  pods.setDesired([lesser]);
  await until('it to run', () => statusOf('lesser')?.phase === 'Running');
  pods.setDesired([lesser, vain]);
  t.same(
    [...fake.context.placed.pods()].map(({ metadata }) => metadata.uid),
    ['lesser'],
  );
  pods.setDesired([lesser, vain, system]);
  t.same(
    [...fake.context.placed.pods()].map(({ metadata }) => metadata.uid),
    ['system'],
  );
  await until('the lesser one to go', () => statusOf('lesser')?.phase === 'Failed');
  t.match(statusOf('lesser'), {
    reason: 'Preempting',
    message: 'Preempted in order to admit critical pod',
  });
  t.match(
    statusOf('lesser')?.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    {
      reason: 'TerminationByKubelet',
      message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
    },
  );
  t.match(statusOf('vain'), { phase: 'Failed', reason: 'OutOfcpu' });
});

void t.test('a pod whose device goes down stops within its grace, and stays desired', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  await running(made, named('a'));
  t.equal(await pods.drain({ totalMs: 5_000, criticalMs: 1_000 }), 0);
  t.match(fake.runtime.graces, [4], 'the pod’s own would be longer');
  const { status = {}, gone } = fake.reports.at(-1) ?? {};
  t.equal(gone, false);
  t.match(status, { phase: 'Running', containerStatuses: [{ state: { terminated: {} } }] });
  const late = named('b');
  pods.setDesired([named('a'), { ...late, metadata: { ...late.metadata, name: 'late' } }]);
  await until('the new pod to be seen', () => pods.list().length === 2);
  t.equal(fake.runtime.containers.size, 1, 'nothing starts any more');
});

void t.test('only a pod of which something runs exceeds its grace', async (t) => {
  const made = bench(t);
  const { fake, pods } = made;
  fake.runtime.obedient = false;
  await running(made, named('old'));
  pods.setDesired([named('new')]);
  await until('the old one to be stopped', () => fake.runtime.graces.length === 1);
  mock.timers.enable({ apis: ['setTimeout'] });
  const drained = pods.drain({ totalMs: 5_000, criticalMs: 1_000 });
  mock.timers.tick(60_000);
  mock.timers.reset();
  const late = fake.events.filter(({ reason }) => reason === 'ExceededGracePeriod');
  t.same(
    late.map(({ pod }) => pod.uid),
    ['old'],
    'not the one that waits for its end',
  );
  fake.runtime.exit('web', 0);
  t.equal(await drained, 0);
});

void t.test('a resize outlives the runner that made it, and is told once', async (t) => {
  const first = bench(t);
  const sized = (cpu: string): Pod =>
    named('a', { containers: [{ ...web, resources: { requests: { cpu } } }] });
  const resizes = ({ fake }: Bench): string[] =>
    fake.events.map(({ reason }) => reason).filter((reason) => reason.startsWith('Resize'));
  await running(first, sized('100m'));
  first.pods.setDesired([sized('200m')]);
  await until('the resize', () => resizes(first).includes('ResizeCompleted'));
  await first.stop();
  const status = first.fake.reports.at(-1)?.status as PodStatus;
  const again = async (pod: Pod): Promise<Bench> => {
    const next = bench(t, first.fake.runtime);
    next.lastStatus.set('a', status);
    next.pods.setDesired([pod]);
    await until('nothing more to do', () => next.fake.refreshed.length > 0);
    return next;
  };
  const same = await again(sized('200m'));
  t.same([resizes(same), same.fake.reports.length], [[], 0], 'there is nothing to do or to tell');
  await same.stop();
  const back = await again(sized('100m'));
  t.same(resizes(back), ['ResizeStarted', 'ResizeCompleted'], 'what it was made with is news now');
  t.equal(first.fake.runtime.calls.filter((call) => call === 'update-resources').length, 2);
});
