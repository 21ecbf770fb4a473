import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { findLogged, findRunning } from '../../../src/edge-runner/streams/find-container.ts';
import type { Container, Pod, PodStatus } from '../../../src/kube/api.ts';
import type { DesiredObject } from '../../../src/protocol/sync.ts';
import { endings } from './endings.ts';
import { asDesired, Engine, makePod } from './engine.ts';
import { environments } from './environments.ts';
import { backOffs, HastenedClock } from './back-offs.ts';
import { hooks } from './hooks.ts';
import { PodScene, scripted } from './pod-scene.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `containers-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
const clock = new HastenedClock();
const engine = await Engine.start(device, { clock });
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image: busyboxImage, command: ['sh', '-c', script], ...more };
}

/** Tells in a file of the device when it begins and ends. */
function witness(name: string, more: Partial<Container> = {}): Container {
  const script = `echo ${name} >>/diary/log
trap "sleep 0.3; echo ${name}-end >>/diary/log; exit 0" TERM
sleep 0.7; touch /diary/${name}-up
while ! [ -e /diary/${name}-crash ]; do sleep 0.1; done; rm /diary/${name}-crash; exit 3`;
  return shell(name, script, { volumeMounts: [{ name: 'diary', mountPath: '/diary' }], ...more });
}

const isRunning = ({ phase }: PodStatus): boolean => phase === 'Running';

async function diaryOf(name: string): Promise<{ dir: string; read: () => Promise<string[]> }> {
  const dir = join(device.dir, `diary-${name}`);
  await mkdir(dir);
  return {
    dir,
    read: async () => (await readFile(join(dir, 'log'), 'utf8')).trim().split('\n'),
  };
}

async function end(pod: Pod): Promise<void> {
  engine.put(asDesired('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } }));
  const { uid } = pod.metadata;
  await waitFor(
    () => engine.outbox.take().pods.some((report) => report.uid === uid && report.gone),
    {
      what: `${pod.metadata.name} to be gone`,
      timeoutMs: 20_000,
    },
  );
  engine.remove(pod);
}

void t.test('sidecars come up in order, are restarted alone, and end last', async (t) => {
  const diary = await diaryOf('sidecars');
  const first = witness('first', {
    restartPolicy: 'Always',
    startupProbe: { exec: { command: ['test', '-e', '/diary/first-up'] }, periodSeconds: 1 },
  });
  const pod = makePod('sidecars', {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 30,
    initContainers: [
      first,
      shell('plain', '[ -e /diary/first-up ] && echo plain >>/diary/log', {
        volumeMounts: [{ name: 'diary', mountPath: '/diary' }],
      }),
      witness('second', { restartPolicy: 'Always' }),
    ],
    containers: [witness('main')],
    volumes: [{ name: 'diary', hostPath: { path: diary.dir } }],
  });
  engine.put(asDesired('Pod', pod));
  const up = await engine.until(pod, 'Running', isRunning);
  t.match(up.initContainerStatuses, [
    { name: 'first', started: true, ready: true, state: { running: {} } },
    { name: 'plain', ready: true, state: { terminated: { exitCode: 0 } } },
    { name: 'second', started: true, ready: true, state: { running: {} } },
  ]);
  t.same(await diary.read(), ['first', 'plain', 'second', 'main']);

  await writeFile(join(diary.dir, 'second-crash'), '');
  const again = await engine.until(pod, 'with its sidecar restarted', (status) => {
    const [, , second] = status.initContainerStatuses ?? [];
    return second?.restartCount === 1 && second.state.running !== undefined;
  });
  t.equal(again.phase, 'Running');
  t.match(again.initContainerStatuses?.[2]?.lastState, { terminated: { exitCode: 3 } });
  t.match(again.containerStatuses, [{ restartCount: 0, state: { running: {} } }]);

  await end(pod);
  const story = await diary.read();
  t.same(story.slice(-3), ['main-end', 'second-end', 'first-end']);
});

void t.test('a sidecar does not keep its pod from completing', async (t) => {
  const pod = makePod('job', {
    restartPolicy: 'Never',
    initContainers: [
      shell('beside', 'trap "exit 0" TERM; while :; do sleep 0.1; done', {
        restartPolicy: 'Always',
      }),
    ],
    containers: [shell('main', 'exit 0')],
  });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'Succeeded', ({ phase }) => phase === 'Succeeded');
  t.match(status.initContainerStatuses, [{ state: { terminated: { exitCode: 0 } } }]);
  engine.remove(pod);
});

void t.test('an ephemeral container joins a running pod and sees its target', async (t) => {
  const pod = makePod('debugged', { containers: [shell('main', 'sleep 1234')] });
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'Running', isRunning);
  const debugger_ = {
    ...shell('debugger', 'ps; while ! [ -e /tmp/over ]; do sleep 0.1; done; exit 4'),
    targetContainerName: 'main',
    stdin: true,
  };
  const lost = { ...shell('lost', 'true'), targetContainerName: 'nobody' };
  const debugged = { ...pod, spec: { ...pod.spec, ephemeralContainers: [debugger_, lost] } };
  engine.put(asDesired('Pod', debugged));
  const status = await engine.until(
    pod,
    'debugged',
    ({ ephemeralContainerStatuses: [joined, refused] = [] }) =>
      joined?.state.running !== undefined &&
      refused?.state.waiting?.reason === 'CreateContainerConfigError',
  );
  t.match(status.ephemeralContainerStatuses, [
    { name: 'debugger', ready: false, restartCount: 0 },
    {
      name: 'lost',
      state: {
        waiting: {
          reason: 'CreateContainerConfigError',
          message: 'unable to find target container nobody',
        },
      },
    },
  ]);
  t.match(
    status.conditions?.find(({ type }) => type === 'Ready'),
    { status: 'True' },
  );
  const name = { namespace: 'berlin', pod: 'debugged', container: 'debugger' };
  const { logPath } = findLogged(engine.pods, name, false);
  await waitFor(async () => (await readFile(logPath, 'utf8')).includes('sleep 1234'), {
    what: 'the target’s process to be seen',
    timeoutMs: 10_000,
  });
  const { id } = findRunning(engine.pods, name);
  await engine.cri.execSync({ containerId: id, cmd: ['touch', '/tmp/over'], timeout: 5 });
  const after = await engine.until(pod, 'left', ({ ephemeralContainerStatuses: [it] = [] }) =>
    Boolean(it?.state.terminated),
  );
  t.match(after.ephemeralContainerStatuses?.[0], {
    restartCount: 0,
    state: { terminated: { exitCode: 4 } },
  });
  t.equal(after.phase, 'Running');
  const events = engine.outbox.take().events.filter(({ pod: { uid } }) => uid === pod.metadata.uid);
  t.ok(events.some(({ fieldPath }) => fieldPath === 'spec.ephemeralContainers{debugger}'));
  await end(pod);
});

void t.test('a container’s own rules and policy decide about its restart', async (t) => {
  const volumeMounts = [{ name: 'scratch', mountPath: '/scratch' }];
  /** Fails once. */
  const onceMore = (name: string, exitCode: number): string =>
    `[ -e /scratch/${name} ] && exit 0; touch /scratch/${name}; exit ${exitCode}`;
  const pod = makePod('rules', {
    restartPolicy: 'Never',
    containers: [
      shell('main', onceMore('main', 42), {
        restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
        volumeMounts,
      }),
      shell('other', onceMore('other', 7), {
        restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'NotIn', values: [0] } }],
        volumeMounts,
      }),
      shell('own', onceMore('own', 1), { restartPolicy: 'OnFailure', volumeMounts }),
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }],
  });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'Succeeded', ({ phase }) => phase === 'Succeeded');
  t.match(status.containerStatuses, [
    { name: 'main', restartCount: 1, lastState: { terminated: { exitCode: 42 } } },
    { name: 'other', restartCount: 1, lastState: { terminated: { exitCode: 7 } } },
    { name: 'own', restartCount: 1, lastState: { terminated: { exitCode: 1 } } },
  ]);
  engine.remove(pod);
});

void t.test('one container’s end takes all of its pod with it, from the start', async (t) => {
  const diary = await diaryOf('anew');
  const volumeMounts = [
    { name: 'diary', mountPath: '/diary' },
    { name: 'scratch', mountPath: '/scratch' },
  ];
  const rule = {
    action: 'RestartAllContainers',
    exitCodes: { operator: 'In', values: [42] },
  };
  const pod = makePod('anew', {
    restartPolicy: 'Never',
    initContainers: [shell('init', 'echo init >>/diary/log; touch /diary/up', { volumeMounts })],
    containers: [
      shell('beside', 'trap "exit 0" TERM; echo beside >>/diary/log; while :; do sleep 0.1; done', {
        volumeMounts,
        lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo preStop >>/diary/log'] } } },
      }),
      shell(
        'main',
        'until grep -q beside /diary/log; do sleep 0.1; done; [ ! -e /scratch/again ] || sleep 1000; touch /scratch/again; exit 42',
        { volumeMounts, restartPolicyRules: [rule] },
      ),
    ],
    volumes: [
      { name: 'diary', hostPath: { path: diary.dir } },
      { name: 'scratch', emptyDir: {} },
    ],
  });
  engine.put(asDesired('Pod', pod));
  const isAnew = ({ containerStatuses = [] }: PodStatus): boolean =>
    containerStatuses.length === 2 &&
    containerStatuses.every(({ restartCount, state }) => restartCount === 1 && state.running);
  const status = await engine.until(pod, 'running anew', isAnew);
  t.match(status.initContainerStatuses, [{ restartCount: 1 }]);
  t.match(
    status.conditions?.find(({ type }) => type === 'AllContainersRestarting'),
    { status: 'False' },
  );
  t.equal(status.phase, 'Running');
  await waitFor(async () => (await diary.read()).length >= 4, {
    what: 'all to have begun anew',
    timeoutMs: 20_000,
  });
  t.same(await diary.read(), ['init', 'beside', 'init', 'beside'], 'volumes stay, no hook is run');
  await end(pod);
});

void t.test('a container is stopped with the signal that it asks for', async (t) => {
  const diary = await diaryOf('signals');
  const waits = `trap "echo usr1 >>/diary/log; exit 0" USR1
trap "echo term >>/diary/log" TERM
touch /diary/up; while :; do sleep 0.1; done`;
  const pod = makePod('signalled', {
    terminationGracePeriodSeconds: 20,
    containers: [
      shell('main', waits, {
        lifecycle: { stopSignal: 'SIGUSR1' },
        readinessProbe: { exec: { command: ['test', '-e', '/diary/up'] }, periodSeconds: 1 },
        volumeMounts: [{ name: 'diary', mountPath: '/diary' }],
      }),
    ],
    volumes: [{ name: 'diary', hostPath: { path: diary.dir } }],
  });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'ready', ({ containerStatuses: [main] = [] }) =>
    Boolean(main?.ready),
  );
  t.match(status.containerStatuses, [{ stopSignal: 'SIGUSR1' }]);
  await end(pod);
  t.same(await diary.read(), ['usr1']);
});

void t.test('variables of Services, for whoever wants them', async (t) => {
  const link = (name: string, clusterIP: string): object => ({
    ...{ name, clusterIP },
    ports: [{ port: 80 }],
  });
  const links = (namespace: string, name: string, services: object[]): DesiredObject =>
    asDesired('ServiceLinks', { metadata: { name, namespace, uid: name }, services } as never);
  engine.put(
    links('default', 'kubernetes', [link('kubernetes', '10.96.0.1')]),
    links('berlin', 'services', [link('web', '10.96.0.2')]),
  );
  const print = shell('main', 'echo "$KUBERNETES_SERVICE_HOST $WEB_PORT $OWN"; exit 1', {
    env: [{ name: 'OWN', value: '$(WEB_SERVICE_HOST):x' }],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  });
  for (const [enableServiceLinks, expected] of [
    [true, '10.96.0.1 tcp://10.96.0.2:80 10.96.0.2:x\n'],
    [false, '10.96.0.1  $(WEB_SERVICE_HOST):x\n'],
  ] as const) {
    const name = `links-${enableServiceLinks}`;
    const pod = makePod(name, { enableServiceLinks, restartPolicy: 'Never', containers: [print] });
    engine.put(asDesired('Pod', pod));
    const status = await engine.until(pod, 'over', ({ phase }) => phase === 'Failed');
    t.equal(status.containerStatuses?.[0]?.state.terminated?.message, expected);
    engine.remove(pod);
  }
});

void t.test('a RuntimeClass says which handler runs a pod', async (t) => {
  const pod = makePod('classy', {
    runtimeClassName: 'plain',
    containers: [shell('main', 'sleep 1000')],
  });
  engine.put(asDesired('Pod', pod));
  const messages: string[] = [];
  const heard = (pattern: RegExp): boolean => {
    messages.push(...engine.outbox.take().events.map(({ message }) => message));
    return messages.some((message) => pattern.test(message));
  };
  await waitFor(() => heard(/RuntimeClass "plain" not found/), {
    what: 'the missing RuntimeClass to be told of',
    timeoutMs: 10_000,
  });
  const classOf = (handler: string): DesiredObject =>
    asDesired('RuntimeClass', { metadata: { name: 'plain', namespace: '' }, handler } as never);
  engine.put(classOf('no-such-handler'));
  await waitFor(() => heard(/no-such-handler/), {
    what: 'the runtime to refuse its handler',
    timeoutMs: 10_000,
  });
  engine.put(classOf('runc'));
  const status = await engine.until(pod, 'Running', isRunning);
  t.equal(status.phase, 'Running');
  engine.remove(pod);
});

const scene = new PodScene(device, engine);

void t.test('environments', (t) => environments(t, scene));

void t.test('endings', (t) => endings(t, scene));

void t.test('back-offs', (t) => backOffs(t, scene, clock));

void t.test('hooks', (t) => hooks(t, scene));

void t.test('a container with a terminal', async (t) => {
  const script = 'test -t 0 && test -t 1 && test -t 2 && tty';
  const { output } = await scene.run('terminal', scripted(script, { tty: true, stdin: true }));
  t.match(output, /^\/dev\/pts\/\d+\r?\n$/);
});
