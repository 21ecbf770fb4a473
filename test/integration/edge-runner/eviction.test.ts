import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab, type Lab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { EvictionManager } from '../../../src/edge-runner/eviction/eviction-manager.ts';
import type { Threshold } from '../../../src/edge-runner/eviction/thresholds.ts';
import { systemClock } from '../../../src/edge-runner/pod/clock.ts';
import { createUpkeep } from '../../../src/edge-runner/run/create-upkeep.ts';
import { parseUpkeepOptions } from '../../../src/edge-runner/run/upkeep-options.ts';
import type { Container, Pod, PodSpec } from '../../../src/kube/api.ts';
import type { NodeReport } from '../../../src/protocol/report.ts';
import { asDesired, Engine, makePod } from './engine.ts';
import { scripted } from './pod-scene.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab: Lab = await createLab({ name: `eviction-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
let conditions: NodeReport['conditions'] = [];
let admission: EvictionManager['admission'] = () => undefined;
const engine = await Engine.start(device, {
  admission: (pod) => admission(pod),
  allocatable: { cpu: '1', memory: '64Gi', 'ephemeral-storage': '64Gi', pods: '6' },
});
const signal = new AbortController().signal;
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

/** The part of the runner that evicts, with thresholds of the test. */
async function managerWith(
  thresholds: readonly Threshold[],
  maxPodGraceSeconds?: number,
): Promise<EvictionManager> {
  const upkeep = await createUpkeep({
    options: {
      stateDir: join(device.dir, 'towline'),
      memoryDir: join(device.dir, 'memory'),
      upkeep: {
        ...{ ...parseUpkeepOptions({}), evictionHard: thresholds, pressureTransitionMs: 0 },
        evictionMaxPodGraceSeconds: maxPodGraceSeconds,
      },
    },
    node: { setPressure: (now) => (conditions = now) },
    cgroups: engine.context.cgroups,
    ...{ cri: engine.cri, pods: engine.pods, clock: systemClock, log: engine.context.log },
    pulled: engine.context.pulled,
  });
  return upkeep.eviction;
}

async function run(
  name: string,
  script: string,
  more: Partial<PodSpec> = {},
  container: Partial<Container> = {},
): Promise<Pod> {
  const main = { name: 'main', image: busyboxImage, command: ['sh', '-c', script], ...container };
  const pod = makePod(name, { containers: [main], ...more });
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  return pod;
}

function limitedTo(disk: string): Partial<Container> {
  return { resources: { limits: { 'ephemeral-storage': disk } } };
}

function eventsOf(pod: Pod): string[] {
  const { events } = engine.outbox.take();
  const own = events.filter((event) => event.pod.uid === pod.metadata.uid);
  return own.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}

await t.test('out of memory, the pod that uses most beyond its request goes', async (t) => {
  const hold = 'dd if=/dev/zero of=/m/file bs=1M count=40; sleep 1000';
  const spec: Partial<PodSpec> = { volumes: [{ name: 'm', emptyDir: { medium: 'Memory' } }] };
  const mount: Partial<Container> = { volumeMounts: [{ name: 'm', mountPath: '/m' }] };
  const modest = await run('modest', 'sleep 1000');
  const critical = await run('critical', hold, { ...spec, priority: 2_000_000_000 }, mount);
  const hungry = await run('hungry', hold, spec, mount);
  let taken: (number | undefined)[] = [];
  await waitFor(
    async () => {
      const { stats } = await engine.cri.listContainerStats();
      taken = stats.map(({ memory }) => memory?.workingSetBytes?.value);
      return taken.filter((bytes = 0) => bytes > 30_000_000).length === 2;
    },
    {
      ...{ what: 'the memory to be taken', timeoutMs: 30_000 },
      explain: () => taken.join(', '),
    },
  );
  const manager = await managerWith([{ signal: 'memory.available', limit: { percent: 99.99 } }]);
  await manager.relieve(signal);
  const status = await engine.until(hungry, 'evicted', ({ phase }) => phase === 'Failed');
  t.equal(status.reason, 'Evicted');
  t.match(
    status.message,
    /^The node was low on resource: memory\. Threshold quantity: \S+, available: \S+\. Container main was using \S+, request is 0, has larger consumption of memory\. $/,
  );
  t.match(
    status.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    { status: 'True', reason: 'TerminationByKubelet' },
  );
  t.match(eventsOf(hungry).join('\n'), /Warning Evicted: The node was low on resource: memory\./);
  t.match(conditions, [{ type: 'MemoryPressure', status: 'True' }, {}, {}]);
  t.same([...manager.counts], [['memory.available', 1]]);
  t.equal(engine.status(modest)?.phase, 'Running', 'one at a time');

  admission = (pod) => manager.admission(pod);
  const late = makePod('late', { containers: [{ name: 'main', image: busyboxImage }] });
  engine.put(asDesired('Pod', late));
  const refused = await engine.until(late, 'refused', ({ phase }) => phase === 'Failed');
  t.match(refused, {
    reason: 'Evicted',
    message: 'Pod was rejected: The node had condition: [MemoryPressure]. ',
  });
  admission = () => undefined;

  await manager.relieve(signal);
  await engine.until(modest, 'evicted', ({ reason }) => reason === 'Evicted');
  await manager.relieve(signal);
  t.equal(engine.status(critical)?.phase, 'Running', 'a critical pod stays');
  for (const pod of [modest, critical, hungry, late]) engine.remove(pod);
});

await t.test('a pod that exceeds its own limits on storage goes, another stays', async (t) => {
  const write = (megabytes: number): string =>
    `dd if=/dev/zero of=/d/file bs=1M count=${megabytes}; sleep 1000`;
  const spec: Partial<PodSpec> = { volumes: [{ name: 'd', emptyDir: { sizeLimit: '2Mi' } }] };
  const mount: Partial<Container> = { volumeMounts: [{ name: 'd', mountPath: '/d' }] };
  const large = await run('large', write(4), spec, mount);
  const small = await run('small', write(1), spec, mount);
  const layer = await run('layer', write(8).replaceAll('/d/', '/'), {}, limitedTo('3Mi'));
  const greedy = makePod('greedy', {
    containers: [
      { ...scripted(write(8).replaceAll('/d/', '/')), ...limitedTo('3Mi') },
      { ...scripted('sleep 1000'), name: 'other', ...limitedTo('64Mi') },
    ],
  });
  engine.put(asDesired('Pod', greedy));
  await engine.until(greedy, 'Running', ({ phase }) => phase === 'Running');
  const dear = await run(
    'dear',
    write(8).replaceAll('/d/', '/'),
    { priority: 2_000_000_000 },
    limitedTo('3Mi'),
  );
  const manager = await managerWith([]);
  const evicted = async (pod: Pod): Promise<boolean> => {
    const fresh = await managerWith([]);
    await fresh.enforceLimits(signal);
    return engine.status(pod)?.reason === 'Evicted';
  };
  await waitFor(() => evicted(large), { what: 'the volume to be too large', timeoutMs: 20_000 });
  t.match(engine.status(large), {
    phase: 'Failed',
    message: 'Usage of EmptyDir volume "d" exceeds the limit "2Mi". ',
  });
  // containerd looks at what containers have written every 10 s.
  await waitFor(() => evicted(layer), { what: 'the writable layer', timeoutMs: 40_000 });
  t.match(
    engine.status(layer)?.message,
    /^Pod ephemeral local storage usage exceeds the total limit of containers 3Mi\. $/,
  );
  t.notOk(
    engine.status(layer)?.conditions?.some(({ type }) => type === 'DisruptionTarget'),
    'nobody disrupts it but itself',
  );
  await waitFor(() => evicted(greedy), { what: 'one container’s layer', timeoutMs: 40_000 });
  t.equal(
    engine.status(greedy)?.message,
    'Container main exceeded its local ephemeral storage limit "3Mi". ',
  );
  t.equal(engine.status(small)?.phase, 'Running');
  t.equal(engine.status(dear)?.phase, 'Running', 'a critical pod stays');
  await manager.relieve(signal);
  t.match(conditions, [{ status: 'False' }, { status: 'False' }, { status: 'False' }]);
  for (const pod of [large, small, layer, greedy, dear]) engine.remove(pod);
});

await t.test('what an ended pod has left goes when the disk is full; then pods do', async (t) => {
  const ended = makePod('ended', {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image: busyboxImage, command: ['sh', '-c', 'echo a; exit 3'] }],
  });
  engine.put(asDesired('Pod', ended));
  const before = await engine.until(ended, 'Failed', ({ phase }) => phase === 'Failed');
  const polite = await run('polite', "trap 'sleep 3; exit 7' TERM; sleep 1000 & wait", {
    terminationGracePeriodSeconds: 20,
  });
  const left = async (): Promise<number> => {
    const labelSelector = { 'io.kubernetes.pod.uid': ended.metadata.uid ?? '' };
    const { containers } = await engine.cri.listContainers({ filter: { labelSelector } });
    const { items } = await engine.cri.listPodSandbox({ filter: { labelSelector } });
    return containers.length + items.length;
  };
  t.equal(await left(), 2);
  const soft = { signal: 'nodefs.available', limit: { percent: 99.99 }, graceMs: 600_000 } as const;
  const patient = await managerWith([soft]);
  await patient.relieve(signal);
  t.match(conditions, [{}, { type: 'DiskPressure', status: 'True' }], 'pressure before the grace');
  t.equal(await left(), 2, 'but nothing goes');
  await (await managerWith([{ ...soft, graceMs: 0 }])).relieve(signal);
  t.equal(await left(), 0);
  t.same(engine.status(ended), before, 'what it was stays known');
  const status = await engine.until(polite, 'evicted', ({ phase }) => phase === 'Failed');
  t.match(status.message, /^The node was low on resource: ephemeral-storage\. /);
  t.match(status.containerStatuses, [{ state: { terminated: { exitCode: 7 } } }], 'its own grace');
  for (const pod of [ended, polite]) engine.remove(pod);
});

await t.test('a critical pod that doesn’t fit takes the place of a lesser one', async (t) => {
  const cpu = (request: string): Partial<Container> => ({
    resources: { requests: { cpu: request } },
  });
  const lesser = await run('lesser', 'sleep 1000', {}, cpu('700m'));
  const tiny = await run('tiny', 'sleep 1000', {}, cpu('100m'));
  const vain = makePod('vain', {
    containers: [{ name: 'main', image: busyboxImage, ...cpu('600m') }],
    priority: 1000,
  });
  engine.put(asDesired('Pod', vain));
  await engine.until(vain, 'refused', ({ reason }) => reason === 'OutOfcpu');
  await run('system', 'sleep 1000', { priority: 2_000_000_000 }, cpu('600m'));
  const status = await engine.until(lesser, 'preempted', ({ phase }) => phase === 'Failed');
  t.match(status, { reason: 'Preempting', message: 'Preempted in order to admit critical pod' });
  t.match(
    eventsOf(lesser).join('\n'),
    'Warning Preempting: Preempted in order to admit critical pod',
  );
  t.equal(engine.status(tiny)?.phase, 'Running', 'no more than is needed');
});

await t.test('a device takes no more pods than it has room for', async (t) => {
  const crowd = Array.from({ length: 6 }, (_, place) =>
    makePod(`crowd-${place}`, { containers: [scripted('sleep 1000')] }),
  );
  engine.put(...crowd.map((pod) => asDesired('Pod', pod)));
  const refused = await waitFor(
    () => crowd.map((pod) => engine.status(pod)).find((status) => status?.phase === 'Failed'),
    { what: 'one of them to be refused', timeoutMs: 20_000 },
  );
  t.match(refused, {
    reason: 'OutOfpods',
    message:
      "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 6, capacity: 6",
  });
  for (const pod of crowd) engine.remove(pod);
  await waitFor(() => crowd.every(({ metadata }) => !engine.pods.has(metadata.uid ?? '')), {
    what: 'the crowd to be gone',
    timeoutMs: 20_000,
  });
});

/** The process that keeps the containers of a sandbox for containerd. */
async function shimOf(sandboxId: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const line = await readFile(join('/proc', entry, 'cmdline'), 'utf8').catch(() => '');
    if (line.includes('containerd-shim') && line.includes(sandboxId)) return Number(entry);
  }
  throw new Error(`sandbox ${sandboxId} has no shim`);
}

await t.test('a pod that must give way and can’t be killed is told of', async (t) => {
  const pod = await run('stuck', 'sleep 1000');
  const worker = engine.pods.find(pod.metadata.namespace ?? '', pod.metadata.name);
  const [sandbox] = worker?.observed.sandboxes ?? [];
  t.ok(sandbox);
  const shim = await shimOf(sandbox?.id ?? '');
  process.kill(shim, 'SIGSTOP');
  const told: string[] = [];
  const isTold = (reason: string): boolean => {
    told.push(...eventsOf(pod));
    return told.some((line) => line.includes(reason));
  };
  try {
    const evicted = { reason: 'Evicted', message: 'The device has no room.', graceSeconds: 0 };
    worker?.evict(evicted);
    await waitFor(() => isTold('ExceededGracePeriod'), {
      ...{ what: 'the event', timeoutMs: 20_000 },
      explain: () => told.join('\n'),
    });
  } finally {
    process.kill(shim, 'SIGCONT');
  }
  t.match(
    told.join('\n'),
    'Warning ExceededGracePeriod: Container runtime did not kill the pod within specified grace period.',
  );
  await engine.until(pod, 'evicted', ({ phase }) => phase === 'Failed');
});
