import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { CriClient } from '../../../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../../../src/edge-runner/cri/grpc-channel.ts';
import { labels } from '../../../src/edge-runner/pod/runtime.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(120_000);
await ensurePackages(progress);
const lab = await createLab({ name: `interrupted-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const story = join(device.dir, 'story');
await mkdir(story);

/** Lets containerd start containers by a program that lingers once the container's process has begun. */
async function lingerAfterStart(): Promise<void> {
  const program = join(device.dir, 'lingering-runc');
  const script = '#!/bin/sh\ncase " $* " in *" start "*) runc "$@" && exec sleep 2;; esac\n';
  await writeFile(program, `${script}exec runc "$@"\n`);
  await chmod(program, 0o755);
  const file = join(device.dir, 'containerd.toml');
  const text = await readFile(file, 'utf8');
  const options = /(runtimes\.runc\.options\]\n)/;
  t.match(text, options);
  await writeFile(file, text.replace(options, `$1  BinaryName = ${JSON.stringify(program)}\n`));
  await device.restartContainerd();
}

void t.test('a start that the end of containerd breaks off ends in one container', async (t) => {
  await lingerAfterStart();
  const first = await Engine.start(device);
  const pod = makePod('broken-off', {
    volumes: [{ name: 'story', hostPath: { path: story } }],
    containers: [
      {
        ...{ name: 'main', image: busyboxImage },
        command: ['sh', '-c', 'echo $$ >> /mnt/starts; sleep 100000'],
        volumeMounts: [{ name: 'story', mountPath: '/mnt' }],
      },
    ],
  });
  const starts = async (): Promise<number> => {
    const text = await readFile(join(story, 'starts'), 'utf8').catch(() => '');
    return text.split('\n').length - 1;
  };
  first.put(asDesired('Pod', pod));
  await waitFor(async () => (await starts()) === 1, {
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

  const second = await Engine.start(device);
  t.teardown(() => second.stop());
  const status = await second.until(pod, 'Running', ({ phase }) => phase === 'Running', 60_000);
  // containerd 1.6 takes one whose start was broken off for one that never ran, and ends it.
  t.equal(await starts(), runs ? 1 : 2, 'what containerd has ended begins once more');
  t.equal(status.containerStatuses?.[0]?.restartCount, 0);
  t.match(await containersOf(pod), [{ state: 'CONTAINER_RUNNING' }], 'and no other is left');
  const left = (await device.ctr('tasks', 'ls')).match(/RUNNING/g);
  t.equal(left?.length, 2, 'its sandbox and itself');
});

async function containersOf(pod: Pod): Promise<{ id: string; state: string }[]> {
  const channel = new GrpcChannel({ socketPath: device.socket });
  try {
    const labelSelector = { [labels.podUid]: pod.metadata.uid ?? '' };
    const { containers } = await new CriClient(channel).listContainers({
      filter: { labelSelector },
    });
    return containers;
  } finally {
    await channel.close();
  }
}
