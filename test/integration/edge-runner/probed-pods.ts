import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { scripted, type PodScene } from './pod-scene.ts';

/** What becomes of containers by their probes. */
export async function probedPods(t: Test, scene: PodScene): Promise<void> {
  await t.test('a delay, and thresholds both ways', (t) => thresholds(t, scene));
  await t.test('probes of a sidecar', (t) => ofSidecar(t, scene));
  await t.test('a grace of the probe’s own', (t) => ownGrace(t, scene));
  await t.test('what is killed to start again does so, however it ends', (t) =>
    startsAgain(t, scene),
  );
}

const idle = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const volumeMounts = [{ name: 'd', mountPath: '/d' }];

const isReady = ({ conditions = [] }: PodStatus): boolean =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

/** A folder that the test shares with a pod's containers. */
async function shared(
  { device }: PodScene,
  name: string,
): Promise<{ volumes: object[]; write: (name: string) => Promise<void>; path: string }> {
  const path = join(device.dir, `probed-${name}`);
  await mkdir(path);
  return {
    ...{ path, volumes: [{ name: 'd', hostPath: { path } }] },
    write: (file) => writeFile(join(path, file), ''),
  };
}

async function thresholds(t: Test, scene: PodScene): Promise<void> {
  const { path, volumes, write } = await shared(scene, 'thresholds');
  const look = 'cat /proc/uptime >>/d/looks; [ -e /d/bad ] && echo bad >>/d/bads; ! [ -e /d/bad ]';
  const container = scripted(`cat /proc/uptime >/d/start; ${idle}`, {
    readinessProbe: {
      exec: { command: ['sh', '-c', look] },
      ...{ initialDelaySeconds: 3, periodSeconds: 1, successThreshold: 3, failureThreshold: 2 },
    },
    volumeMounts,
  });
  const pod = makePod('thresholds', { containers: [container], volumes: volumes as never });
  const linesOf = async (file: string): Promise<string[]> =>
    (await readFile(join(path, file), 'utf8')).trim().split('\n');
  scene.engine.put(asDesired('Pod', pod));
  await scene.engine.until(pod, 'ready', isReady);
  const looks = await linesOf('looks');
  t.ok(looks.length >= 3, `ready after ${looks.length} looks`);
  const [start = 0, first = 0] = [...(await linesOf('start')), ...looks].map(Number.parseFloat);
  t.ok(first - start > 2, `the first after ${first - start} s`);
  await write('bad');
  await scene.engine.until(pod, 'unready', (status) => !isReady(status));
  const { length } = await linesOf('bads');
  t.ok(length >= 2, `unready after ${length} bad ones`);
  t.match(scene.engine.status(pod)?.containerStatuses, [{ restartCount: 0, started: true }]);
  scene.engine.remove(pod);
}

async function ofSidecar(t: Test, scene: PodScene): Promise<void> {
  const { volumes, write } = await shared(scene, 'sidecar');
  const times = { periodSeconds: 1, failureThreshold: 1 };
  const beside: Container = {
    ...scripted(idle, { name: 'beside', volumeMounts }),
    restartPolicy: 'Always',
    readinessProbe: { exec: { command: ['test', '-e', '/d/good'] }, ...times },
    livenessProbe: { exec: { command: ['test', '!', '-e', '/d/sick'] }, ...times },
  };
  const pod = makePod('beside', {
    ...{ initContainers: [beside], containers: [scripted(idle)], volumes: volumes as never },
  });
  scene.engine.put(asDesired('Pod', pod));
  const sidecarOf = ({
    initContainerStatuses: [it] = [],
  }: PodStatus): ContainerStatus | undefined => it;
  const up = await scene.engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  t.match(
    up.conditions?.find(({ type }) => type === 'ContainersReady'),
    { status: 'False', message: /^containers with unready status: \[beside/ },
  );
  await write('good');
  await scene.engine.until(pod, 'ready', isReady);
  await write('sick');
  const after = await scene.engine.until(pod, 'its sidecar restarted', (status) => {
    return (sidecarOf(status)?.restartCount ?? 0) > 0;
  });
  t.match(after.containerStatuses, [{ restartCount: 0, state: { running: {} } }]);
  scene.engine.remove(pod);
}

async function ownGrace(t: Test, scene: PodScene): Promise<void> {
  const stubborn = scripted('trap "" TERM; while :; do sleep 0.1; done', {
    livenessProbe: {
      exec: { command: ['false'] },
      ...{ periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 },
    },
  });
  const pod = makePod('stubborn', { terminationGracePeriodSeconds: 90, containers: [stubborn] });
  scene.engine.put(asDesired('Pod', pod));
  const { containerStatuses } = await scene.engine.until(
    pod,
    'restarted long before its own grace is over',
    ({ containerStatuses: [main] = [] }) => (main?.restartCount ?? 0) > 0,
  );
  t.match(containerStatuses, [{ lastState: { terminated: { exitCode: 137 } } }]);
  const metadata = { ...pod.metadata, deletionTimestamp: 'now', deletionGracePeriodSeconds: 0 };
  scene.engine.put(asDesired('Pod', { ...pod, metadata }));
  scene.engine.remove(pod);
}

/**
 * A pod that would be over by the exit codes of its containers; and nobody waits who ran for longer than
 * the back-off of the one before.
 */
async function startsAgain(t: Test, scene: PodScene): Promise<void> {
  const { path, volumes, write } = await shared(scene, 'again');
  const look = '[ -e /d/sick ] || exit 0; rm /d/sick; exit 1';
  // Before its trap is set, the first process of a container takes no notice of SIGTERM.
  const container = scripted(`trap "exit 0" TERM; touch /d/up; while :; do sleep 0.1; done`, {
    livenessProbe: {
      exec: { command: ['sh', '-c', look] },
      ...{ periodSeconds: 1, failureThreshold: 1 },
    },
    volumeMounts,
  });
  const pod = makePod('again', {
    ...{ restartPolicy: 'OnFailure', containers: [container], volumes: volumes as never },
    terminationGracePeriodSeconds: 30,
  });
  scene.engine.put(asDesired('Pod', pod));
  const untilUp = (restarts: number): Promise<PodStatus> =>
    scene.engine.until(pod, `up after ${restarts}`, ({ containerStatuses: [main] = [] }) =>
      Boolean(main?.state.running && main.restartCount === restarts),
    );
  await untilUp(0);
  for (const restarts of [1, 2]) {
    await waitFor(
      () =>
        rm(join(path, 'up')).then(
          () => true,
          () => false,
        ),
      {
        ...{ what: 'the container to be up', timeoutMs: 10_000, intervalMs: 20 },
      },
    );
    await write('sick');
    const { containerStatuses } = await untilUp(restarts);
    t.match(containerStatuses, [{ lastState: { terminated: { exitCode: 0 } } }]);
  }
  const told = scene.engine.context.events.recent.filter(
    (event) => event.pod.uid === pod.metadata.uid,
  );
  t.notOk(
    told.some(({ reason }) => reason === 'BackOff'),
    'the first two at once',
  );
  scene.engine.remove(pod);

  const never = makePod('again-changed', {
    ...{ restartPolicy: 'Never', containers: [scripted(idle)] },
  });
  scene.engine.put(asDesired('Pod', never));
  await scene.engine.until(never, 'Running', ({ phase }) => phase === 'Running');
  const containers = [{ ...scripted(idle), image: 'busybox:1.36' }];
  const changed: Pod = { ...never, spec: { ...never.spec, containers } };
  scene.engine.put(asDesired('Pod', changed));
  const after = await scene.engine.until(never, 'changed', ({ containerStatuses: [main] = [] }) =>
    Boolean(main?.state.running && main.restartCount === 1),
  );
  t.match(after, { phase: 'Running', containerStatuses: [{ image: 'busybox:1.36' }] });
  scene.engine.remove(never);
}
