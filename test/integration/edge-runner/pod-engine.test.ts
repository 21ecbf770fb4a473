import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab, type Lab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Device } from '../../../hack/lab/device.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab: Lab = await createLab({ name: `engine-${process.pid}`, progress });
const device: Device = await lab.startDevice({ name: 'd' });
let engine = await Engine.start(device);
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

const shell = (script: string): { name: string; image: string; command: string[] } => ({
  ...{ name: 'main', image: busyboxImage },
  command: ['sh', '-c', script],
});

void t.test('a pod runs, with an address, and ends within its grace', async (t) => {
  const pod = makePod('web', {
    containers: [shell('trap "exit 0" TERM; echo hello; while :; do sleep 0.1; done')],
  });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  t.match(status.podIP, /^\d+\.\d+\.\d+\.\d+$/);
  t.match(status.conditions, [
    { type: 'PodReadyToStartContainers', status: 'True' },
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', status: 'True' },
    { type: 'ContainersReady', status: 'True' },
  ]);
  t.match(status.containerStatuses, [
    { name: 'main', ready: true, started: true, restartCount: 0, image: busyboxImage },
  ]);
  const deleted = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } };
  engine.put(asDesired('Pod', deleted));
  await waitFor(() => engine.outbox.take().pods.some(({ gone }) => gone), {
    what: 'the pod to be reported gone',
    timeoutMs: 10_000,
  });
  t.match(engine.status(pod), { containerStatuses: [{ state: { terminated: { exitCode: 0 } } }] });
  t.same((await engine.context.observer.observe(pod.metadata.uid ?? '')).sandboxes, []);
  engine.remove(pod);
});

void t.test('exit codes, restart policy and phase', async (t) => {
  const failed = makePod('failed', { restartPolicy: 'Never', containers: [shell('exit 3')] });
  const succeeded = makePod('done', { restartPolicy: 'OnFailure', containers: [shell('exit 0')] });
  engine.put(asDesired('Pod', failed), asDesired('Pod', succeeded));
  const failure = await engine.until(failed, 'Failed', ({ phase }) => phase === 'Failed');
  t.match(failure.containerStatuses, [
    { state: { terminated: { exitCode: 3, reason: 'Error' } }, restartCount: 0 },
  ]);
  const success = await engine.until(succeeded, 'Succeeded', ({ phase }) => phase === 'Succeeded');
  t.match(success.containerStatuses, [
    { state: { terminated: { exitCode: 0, reason: 'Completed' } } },
  ]);
  t.match(
    success.conditions?.find(({ type }) => type === 'Ready'),
    {
      status: 'False',
      reason: 'PodCompleted',
    },
  );
});

void t.test('a crashing container restarts once at once, then waits', async (t) => {
  const pod = makePod('crash', { containers: [shell('echo boom; exit 1')] });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(
    pod,
    'in CrashLoopBackOff',
    ({ containerStatuses }) => containerStatuses?.[0]?.state.waiting?.reason === 'CrashLoopBackOff',
  );
  t.match(status.containerStatuses, [
    {
      restartCount: 1,
      state: { waiting: { message: /^back-off 10s restarting failed container=main pod=crash_/ } },
      lastState: { terminated: { exitCode: 1 } },
    },
  ]);
  t.equal(status.phase, 'Running');
  const events = engine.outbox.take().events;
  t.ok(events.some(({ reason }) => reason === 'BackOff'));
  engine.remove(pod);
});

void t.test('memory over the limit is OOMKilled', async (t) => {
  const pod = makePod('hungry', {
    restartPolicy: 'Never',
    containers: [
      {
        ...shell('x=a; while :; do x=$x$x; done'),
        resources: { limits: { memory: '16Mi' }, requests: { memory: '16Mi' } },
      },
    ],
  });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'Failed', ({ phase }) => phase === 'Failed');
  t.match(status.containerStatuses, [
    { state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } },
  ]);
});

void t.test('images that cannot be had', async (t) => {
  const never = makePod('never', {
    containers: [{ ...shell('true'), image: 'nowhere.test/x:1', imagePullPolicy: 'Never' }],
  });
  const missing = makePod('missing', {
    containers: [{ ...shell('true'), image: '127.0.0.1:1/x:1', imagePullPolicy: 'IfNotPresent' }],
  });
  const invalid = makePod('invalid', { containers: [{ ...shell('true'), image: 'UPPER:::x' }] });
  engine.put(asDesired('Pod', never), asDesired('Pod', missing), asDesired('Pod', invalid));
  const waits = (reason: string) => (status: { containerStatuses?: unknown }) =>
    JSON.stringify(status.containerStatuses).includes(`"reason":"${reason}"`);
  const status = await engine.until(never, 'refused', waits('ErrImageNeverPull'));
  t.match(status.containerStatuses, [
    { state: { waiting: { message: /is not present with pull policy of Never/ } } },
  ]);
  await engine.until(missing, 'failing', waits('ErrImagePull'));
  await engine.until(missing, 'waiting', waits('ImagePullBackOff'));
  await engine.until(invalid, 'refused', waits('InvalidImageName'));
  for (const pod of [never, missing, invalid]) engine.remove(pod);
  t.end();
});

void t.test('ConfigMaps, Secrets, variables and volumes reach the container', async (t) => {
  const configMap = { metadata: { name: 'conf', namespace: 'berlin' }, data: { color: 'green' } };
  const secret = {
    metadata: { name: 'key', namespace: 'berlin' },
    data: { password: Buffer.from('s3cret').toString('base64') },
  };
  const pod = makePod('config', {
    restartPolicy: 'Never',
    containers: [
      {
        ...shell(
          'echo $COLOR $PASSWORD $POD $POD_IP; cat /conf/color /key/password /token/t; echo $(ID) >/dev/null; echo ok >/scratch/f && cat /scratch/f; echo bye >/dev/termination-log; exit 1',
        ),
        env: [
          { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'conf', key: 'color' } } },
          { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'key', key: 'password' } } },
          { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        ],
        volumeMounts: [
          { name: 'conf', mountPath: '/conf' },
          { name: 'key', mountPath: '/key' },
          { name: 'token', mountPath: '/token' },
          { name: 'scratch', mountPath: '/scratch' },
        ],
      },
    ],
    volumes: [
      { name: 'conf', configMap: { name: 'conf' } },
      { name: 'key', secret: { secretName: 'key' } },
      { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
      { name: 'scratch', emptyDir: {} },
    ],
  });
  engine.put(asDesired('Pod', pod));
  await waitFor(() => engine.outbox.take().events.some(({ reason }) => reason === 'FailedMount'), {
    what: 'an event about the missing ConfigMap',
    timeoutMs: 10_000,
  });
  engine.put(asDesired('ConfigMap', configMap), asDesired('Secret', secret));
  const status = await engine.until(pod, 'over', ({ phase }) => phase === 'Failed');
  t.match(status.containerStatuses, [{ state: { terminated: { message: 'bye\n' } } }]);
  const { name, namespace = '', uid = '' } = pod.metadata;
  const log = join(device.dir, 'pod-logs', `${namespace}_${name}_${uid}`, 'main/0.log');
  const text = await readFile(log, 'utf8');
  t.match(text, /green s3cret config \d+\.\d+\.\d+\.\d+/);
  t.match(text, /greens3crettoken-/);
  t.match(text, /ok\n/);
});

void t.test(
  'what a pod says of itself changes in its volumes, and heals what it failed by',
  async () => {
    const describe = (
      name: string,
      annotations: Record<string, string>,
      spec: Parameters<typeof makePod>[1],
    ): Pod => {
      const pod = makePod(name, spec);
      return { ...pod, metadata: { ...pod.metadata, annotations } };
    };
    const shown = describe(
      'shown',
      { note: 'before' },
      {
        containers: [
          {
            ...shell('until grep -q after /self/annotations; do sleep 0.1; done'),
            volumeMounts: [{ name: 'self', mountPath: '/self' }],
          },
        ],
        restartPolicy: 'Never',
        volumes: [
          {
            name: 'self',
            downwardAPI: {
              items: [{ path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } }],
            },
          },
        ],
      },
    );
    const refused = describe(
      'refused',
      { folder: '../outside' },
      {
        containers: [
          {
            ...shell('true'),
            env: [
              {
                name: 'FOLDER',
                valueFrom: { fieldRef: { fieldPath: "metadata.annotations['folder']" } },
              },
            ],
            volumeMounts: [{ name: 'data', mountPath: '/data', subPathExpr: '$(FOLDER)' }],
          },
        ],
        restartPolicy: 'Never',
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    );
    engine.put(asDesired('Pod', shown), asDesired('Pod', refused));
    await engine.until(shown, 'Running', ({ phase }) => phase === 'Running');
    await engine.until(refused, 'refused', ({ containerStatuses }) => {
      return containerStatuses?.[0]?.state.waiting?.reason === 'CreateContainerConfigError';
    });
    const annotated = (pod: Pod, annotations: Record<string, string>): Pod => ({
      ...pod,
      metadata: { ...pod.metadata, annotations },
    });
    engine.put(
      asDesired('Pod', annotated(shown, { note: 'after' })),
      asDesired('Pod', annotated(refused, { folder: 'inside' })),
    );
    await engine.until(shown, 'over', ({ phase }) => phase === 'Succeeded');
    await engine.until(refused, 'over', ({ phase }) => phase === 'Succeeded');
  },
);

void t.test('an unsupported spec is refused with its field', async (t) => {
  const pod = makePod('odd', {
    containers: [shell('true')],
    volumes: [{ name: 'cloud', gcePersistentDisk: { pdName: 'x' } } as never],
  });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'refused', ({ phase }) => phase === 'Failed');
  t.match(status, { reason: 'UnsupportedPodSpec', message: /gcePersistentDisk/ });
});

void t.test('a restart of the runner restarts no container', async (t) => {
  const pod = makePod('steady', { containers: [shell('sleep 1000')] });
  engine.put(asDesired('Pod', pod));
  const before = await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  await engine.stop();
  engine = await Engine.start(device);
  const worker = engine.pods.find('berlin', 'steady');
  await waitFor(() => worker?.observed.containers.length === 1, {
    what: 'the pod to be observed again',
    timeoutMs: 10_000,
  });
  t.same(engine.status(pod)?.containerStatuses, before.containerStatuses);
  t.same(engine.status(pod)?.conditions, before.conditions);
});

void t.test('after a reboot pods start again from the store', async (t) => {
  const worker = engine.pods.find('berlin', 'steady');
  t.ok(worker);
  const before = worker?.observed.containers[0]?.id;
  await engine.stop();
  await device.reboot();
  engine = await Engine.start(device);
  const pod = engine.pods.find('berlin', 'steady')?.pod;
  t.ok(pod);
  if (pod === undefined) return;
  const status = await engine.until(
    pod,
    'restarted',
    ({ phase, containerStatuses }) =>
      phase === 'Running' && containerStatuses?.[0]?.restartCount === 1,
  );
  t.not(status.containerStatuses?.[0]?.containerID, `containerd://${before ?? ''}`);
});
