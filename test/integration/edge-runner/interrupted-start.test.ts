import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { ContainerdEvents } from '../../../src/edge-runner/containerd/containerd-events.ts';
import { CriClient } from '../../../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../../../src/edge-runner/cri/grpc-channel.ts';
import { labels } from '../../../src/edge-runner/pod/runtime.ts';
import type { Pod, PodSpec, PodStatus } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

/** Of ends of containerd while a container's end is written down. */
const rounds = 5;

t.setTimeout(240_000);
await ensurePackages(progress);
const lab = await createLab({ name: `interrupted-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const story = join(device.dir, 'story');
await mkdir(story);
await lingerWhereAsked();

/** Lets containerd start containers by a program that lingers before or after a command, as a file says. */
async function lingerWhereAsked(): Promise<void> {
  const program = join(device.dir, 'lingering-runc');
  const script = `#!/bin/sh
read -r when what < ${lingerFile()}
case " $* " in *" $what "*)
  [ "$when" = before ] && sleep 2
  [ "$when" = after ] && runc "$@" && exec sleep 2;;
esac
exec runc "$@"
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  await linger('never', 'start');
  const file = join(device.dir, 'containerd.toml');
  const text = await readFile(file, 'utf8');
  const options = /(runtimes\.runc\.options\]\n)/;
  if (!options.test(text)) throw new TypeError(`${file} has no options for runc`);
  await writeFile(file, text.replace(options, `$1  BinaryName = ${JSON.stringify(program)}\n`));
  await device.restartContainerd();
}

function lingerFile(): string {
  return join(device.dir, 'linger');
}

function linger(when: 'before' | 'after' | 'never', command: string): Promise<void> {
  return writeFile(lingerFile(), `${when} ${command}\n`);
}

function storyPod(name: string, spec: Partial<PodSpec>, script: string): Pod {
  return makePod(name, {
    volumes: [{ name: 'story', hostPath: { path: story } }],
    containers: [
      {
        ...{ name: 'main', image: busyboxImage },
        command: ['sh', '-c', `echo $$ >> /mnt/${name}; ${script}`],
        volumeMounts: [{ name: 'story', mountPath: '/mnt' }],
      },
    ],
    ...spec,
  });
}

async function startsOf({ metadata }: Pod): Promise<number> {
  const text = await readFile(join(story, metadata.name), 'utf8').catch(() => '');
  return text.split('\n').length - 1;
}

void t.test('a start that the end of containerd breaks off ends in one container', async (t) => {
  await linger('after', 'start');
  const first = await Engine.start(device);
  const pod = storyPod('containerd-ends', {}, 'sleep 100000');
  first.put(asDesired('Pod', pod));
  await waitFor(async () => (await startsOf(pod)) === 1, {
    ...{ what: 'the container to have begun', timeoutMs: 30_000 },
  });
  await device.killContainerd();
  await first.stop();
  await device.restartContainerd();

  const [found] = await waitFor(() => containersOf(pod).catch(() => false as const), {
    ...{ what: 'CRI to be there again', timeoutMs: 30_000 },
  });
  const tasks = await device.ctr('tasks', 'ls');
  t.comment(`before a runner looks it is ${found?.state ?? 'gone'}; tasks:\n${tasks}`);
  const runs = new RegExp(`${found?.id ?? 'none'} .*RUNNING`).test(tasks);
  t.equal(found?.state, runs ? 'CONTAINER_RUNNING' : 'CONTAINER_CREATED');

  await linger('never', 'start');
  const second = await Engine.start(device);
  const status = await second.until(pod, 'Running', ({ phase }) => phase === 'Running', 60_000);
  // containerd 1.6 takes one whose start was broken off for one that never ran, and ends it.
  t.equal(await startsOf(pod), runs ? 1 : 2, 'what containerd has ended begins once more');
  t.equal(status.containerStatuses?.[0]?.restartCount, 0);
  t.match(await containersOf(pod), [{ state: 'CONTAINER_RUNNING' }], 'and no other is left');
  const left = (await device.ctr('tasks', 'ls')).match(/RUNNING/g);
  t.equal(left?.length, 2, 'its sandbox and itself');
  await removed(second, pod);
});

void t.test('a start that the end of the runner breaks off is made again', async (t) => {
  for (const [when, begun] of [
    ['before', 0],
    ['after', 1],
  ] as const) {
    const pod = storyPod(`${when}-it-began`, { restartPolicy: 'Never' }, 'exit 0');
    const first = await Engine.start(device);
    await linger(when, 'start');
    first.put(asDesired('Pod', pod));
    await waitFor(async () => (await containersOf(pod)).length === 1, {
      ...{ what: 'the start of the container', timeoutMs: 30_000, intervalMs: 20 },
    });
    await waitFor(async () => (await startsOf(pod)) === begun, {
      ...{ what: 'the container to have begun', timeoutMs: 30_000, intervalMs: 20 },
    });
    await first.crash();
    await waitFor(async () => (await containersOf(pod))[0]?.state === 'CONTAINER_EXITED', {
      ...{ what: 'containerd to end it', timeoutMs: 30_000 },
    });
    await linger('never', 'start');
    const second = await Engine.start(device);
    const status = await second.until(pod, 'over', ({ phase }) => phase === 'Succeeded', 30_000);
    t.match(status.containerStatuses, [
      { restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
    ]);
    t.equal(await startsOf(pod), begun + 1, `broken off ${when} it began`);
    await removed(second, pod);
  }
});

void t.test('an end that the end of containerd falls into is not forgotten', async (t) => {
  const engine = await Engine.start(device);
  let unknown = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const go = `go-${round}`;
    const wait = `until [ -e /mnt/${go} ]; do sleep 0.02; done; exit 0`;
    const pod = storyPod(`ends-${round}`, { restartPolicy: 'Never' }, wait);
    engine.put(asDesired('Pod', pod));
    await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
    const { deleted } = await listenForDelete();
    await writeFile(join(story, go), '');
    await deleted;
    await device.killContainerd();
    await device.restartContainerd();
    const over = ({ phase }: PodStatus): boolean => phase === 'Succeeded' || phase === 'Failed';
    const { phase, containerStatuses } = await engine.until(pod, 'over', over, 30_000);
    const end = containerStatuses?.[0]?.state.terminated;
    t.match([phase, end], ['Succeeded', { exitCode: 0, reason: 'Completed' }], `round ${round}`);
    if ((await reasonInCri(pod)) === 'Unknown') unknown += 1;
    engine.remove(pod);
  }
  t.comment(`containerd had forgotten ${unknown} of ${rounds} ends`);
  await engine.stop();
});

async function removed(engine: Engine, pod: Pod): Promise<void> {
  engine.remove(pod);
  await waitFor(() => !engine.pods.has(pod.metadata.uid ?? ''), {
    ...{ what: `${pod.metadata.name} to be gone`, timeoutMs: 30_000 },
  });
  await engine.stop();
}

/** Listens; `deleted` resolves when containerd says that a task was deleted. */
async function listenForDelete(): Promise<{ deleted: Promise<unknown> }> {
  const channel = new GrpcChannel({ socketPath: device.socket });
  const stop = new AbortController();
  const filters = ['topic=="/tasks/delete"'];
  const events = new ContainerdEvents(channel).subscribe({ signal: stop.signal, filters });
  await events.next();
  const deleted = events.next().finally(() => {
    stop.abort();
    void channel.close();
  });
  return { deleted };
}

async function reasonInCri(pod: Pod): Promise<string | undefined> {
  const [found] = await containersOf(pod);
  const { status } = await withCri((cri) => cri.containerStatus({ containerId: found?.id ?? '' }));
  return status?.reason;
}

async function containersOf(pod: Pod): Promise<{ id: string; state: string }[]> {
  const labelSelector = { [labels.podUid]: pod.metadata.uid ?? '' };
  const { containers } = await withCri((cri) => cri.listContainers({ filter: { labelSelector } }));
  return containers;
}

async function withCri<T>(ask: (cri: CriClient) => Promise<T>): Promise<T> {
  const channel = new GrpcChannel({ socketPath: device.socket });
  try {
    return await ask(new CriClient(channel));
  } finally {
    await channel.close();
  }
}
