import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildImage, busyboxImage } from '../../../hack/lab/images.ts';
import { createLab, type Lab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { ImageCollector } from '../../../src/edge-runner/garbage/image-collector.ts';
import { LogRotator } from '../../../src/edge-runner/garbage/log-rotator.ts';
import { loggingContainers } from '../../../src/edge-runner/run/keep-in-order.ts';
import type { Container } from '../../../src/kube/api.ts';
import { neededImages } from '../../../src/edge-runner/garbage/needed-images.ts';
import { removeOrphanLogs } from '../../../src/edge-runner/garbage/orphan-logs.ts';
import { readContainerLog } from '../../../src/edge-runner/logs/read-container-log.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab: Lab = await createLab({ name: `garbage-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
const engine = await Engine.start(device);
const { cri, pods, context } = engine;
const { log } = context;
const signal = new AbortController().signal;
const gone = (uid: string): Promise<boolean> =>
  readdir(join(device.dir, 'towline', 'pods')).then((names) => !names.includes(uid));
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

await t.test('logs are rotated while containers write, and not a line is lost', async (t) => {
  const counts = { first: 3000, main: 3000 };
  const writer = (name: keyof typeof counts, then: string): Container => {
    const script = `i=0; while [ $i -lt ${counts[name]} ]; do echo line $i; i=$((i+1)); usleep 500; done`;
    return { name, image: busyboxImage, command: ['sh', '-c', `${script}; ${then}`] };
  };
  const pod = makePod('chatty', {
    initContainers: [writer('first', 'exit 0')],
    containers: [writer('main', 'sleep 1000')],
  });
  engine.put(asDesired('Pod', pod));
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const rotator = new LogRotator({
    reopen: (containerId) => cri.reopenContainerLog({ containerId }),
    ...{ maxBytes: 20_000, maxFiles: 20, nowMs: () => (nowMs += 1000), log },
  });
  const logPathOf = (name: string): string | undefined => {
    const containers = pods.list().flatMap(({ observed }) => observed.containers);
    return containers.find((container) => container.name === name)?.logPath;
  };
  const lines = async (logPath: string): Promise<string[]> => {
    const chunks: Buffer[] = [];
    for await (const chunk of readContainerLog(
      logPath,
      { timestamps: false, follow: false },
      { signal },
    )) {
      chunks.push(Buffer.from(chunk));
    }
    return Buffer.concat(chunks).toString().trim().split('\n');
  };
  let logPath = '';
  for (const [name, count] of Object.entries(counts)) {
    const all = await waitFor(
      async () => {
        await rotator.rotate(loggingContainers(pods.list()), signal);
        logPath = logPathOf(name) ?? '';
        const now = logPath === '' ? [] : await lines(logPath);
        return now.length >= count && now;
      },
      { what: `all lines of ${name} to be written`, timeoutMs: 60_000, intervalMs: 200 },
    );
    t.same(
      all,
      Array.from({ length: count }, (_, index) => `line ${index}`),
    );
    const files = await readdir(join(logPath, '..'));
    t.ok(files.filter((each) => each.endsWith('.gz')).length >= 1, files.join(' '));
  }
  engine.remove(pod);
  await waitFor(() => gone(pod.metadata.uid ?? ''), { what: 'the pod to go', timeoutMs: 20_000 });
  await waitFor(async () => (await readdir(join(device.dir, 'pod-logs'))).length === 0, {
    what: 'its logs to go',
    timeoutMs: 20_000,
  });
});

await t.test('unused images go; those of pods, containers and sandboxes stay', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'towline-image-'));
  t.teardown(() => rm(dir, { recursive: true }));
  for (const name of ['unused', 'wanted']) {
    const file = join(dir, `${name}.tar`);
    const members = [{ kind: 'file' as const, path: 'file', content: Buffer.from(name) }];
    await buildImage(
      file,
      { name: `docker.io/library/${name}:latest`, members, config: {} },
      { progress },
    );
    await device.importImage(file);
  }
  // It can't start, but may.
  const pod = makePod('picky', {
    containers: [{ name: 'main', image: 'wanted', imagePullPolicy: 'Never', command: ['/none'] }],
  });
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'known', ({ phase }) => phase !== undefined);
  const tags = async (): Promise<string[]> => {
    const { images } = await cri.listImages();
    return images.flatMap(({ repoTags }) => repoTags).sort();
  };
  const collector = (highPercent: number): ImageCollector =>
    new ImageCollector({
      policy: { highPercent, lowPercent: 0, minAgeMs: 0 },
      neededNames: () => neededImages(pods.list()),
      disk: () => Promise.resolve({ capacityBytes: 1000, availableBytes: 100 }),
      ...{ cri, pulled: engine.context.pulled, nowMs: Date.now, log },
    });
  await collector(95).collect(signal);
  t.ok((await tags()).includes('docker.io/library/unused:latest'), 'below the mark nothing goes');
  engine.put(
    asDesired(
      'Pod',
      makePod('busy', {
        containers: [{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] }],
      }),
    ),
  );
  await waitFor(
    () =>
      pods
        .list()
        .some(({ observed }) => observed.containers.some(({ image }) => image === busyboxImage)),
    {
      what: 'a pod of busybox',
      timeoutMs: 20_000,
    },
  );
  await collector(85).collect(signal);
  t.same(await tags(), [
    ...[busyboxImage, 'docker.io/library/wanted:latest', 'registry.k8s.io/pause:3.6'],
  ]);
});

await t.test('what no pod owns any more is removed', async (t) => {
  const uid = '11111111-2222-3333-4444-555555555555';
  const logRoot = join(device.dir, 'pod-logs');
  await mkdir(join(device.dir, 'towline', 'pods', uid, 'volumes'), { recursive: true });
  await mkdir(join(logRoot, `berlin_lost_${uid}`, 'main'), { recursive: true });
  const before = pods.list().length;
  await pods.removeOrphans();
  await waitFor(() => gone(uid), { what: 'the folder to go', timeoutMs: 20_000 });
  await waitFor(() => pods.list().length === before, {
    what: 'nobody else to be touched',
    timeoutMs: 20_000,
  });
  const isKnown = (podUid: string): boolean => pods.has(podUid);
  t.same(await removeOrphanLogs({ logRoot, isKnown, cri }), [`berlin_lost_${uid}`]);
  t.equal((await readdir(logRoot)).length, before, 'the logs of living pods stay');
});
