import { existsSync } from 'node:fs';
import { readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { readCgroupFacts } from '../../../src/edge-runner/host/cgroups.ts';
import { PodCgroups } from '../../../src/edge-runner/node/pod-cgroups.ts';
import type { Container, Pod, PodStatus, ResourceRequirements } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `resources-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
let engine = await Engine.start(device);
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});
const cgroups = await readCgroupFacts();

const isRunning = ({ phase }: PodStatus): boolean => phase === 'Running';

function idle(resources: ResourceRequirements, more: Partial<Container> = {}): Container {
  const command = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];
  return { name: 'main', image: busyboxImage, command, resources, ...more };
}

async function value(controller: string, cgroup: string, file: string): Promise<string> {
  const mount = cgroups.mountPoints[controller] ?? '';
  return (await readFile(`${mount}${device.cgroupRoot}${cgroup}/${file}`, 'utf8')).trim();
}

function containerIdOf({ containerStatuses: [main] = [] }: PodStatus): string {
  return main?.containerID?.replace('containerd://', '') ?? '';
}

const amounts = { cpu: '200m', memory: '32Mi' };

// What follows looks into the trees of version 1; of version 2 unit tests know the files.
const isDivided = cgroups.version === 1;

void t.test(
  'a pod’s cgroup stands in its class and has its limits',
  { skip: !isDivided },
  async (t) => {
    const cases = [
      ['guaranteed', { requests: amounts, limits: amounts }, '', '204', '20000', 32 * 1024 ** 2],
      ['burstable', { requests: { cpu: '100m' } }, '/burstable', '102', '-1', undefined],
      ['besteffort', {}, '/besteffort', '2', '-1', undefined],
    ] as const;
    for (const [name, resources, parent, shares, quota, memory] of cases) {
      const pod = makePod(name, { containers: [idle(resources)] });
      engine.put(asDesired('Pod', pod));
      await engine.until(pod, 'Running', isRunning);
      const cgroup = `${parent}/pod${pod.metadata.uid ?? ''}`;
      t.equal(await value('cpu', cgroup, 'cpu.shares'), shares, name);
      t.equal(await value('cpu', cgroup, 'cpu.cfs_quota_us'), quota, name);
      const limit = await value('memory', cgroup, 'memory.limit_in_bytes');
      if (memory === undefined) t.ok(Number(limit) > 2 ** 60, name);
      else t.equal(Number(limit), memory, name);
      if (name === 'burstable') t.equal(await value('cpu', parent, 'cpu.shares'), '102');
      engine.remove(pod);
    }
    t.equal(await value('cpu', '/besteffort', 'cpu.shares'), '2');
  },
);

const unified = cgroups.version === 1 ? cgroups.trees.find(isUnified) : undefined;

function isUnified(tree: string): boolean {
  return existsSync(join(tree, 'cgroup.controllers'));
}

/** What controllers version 1 leaves to it, all the same. */
void t.test(
  'a tree of version 2 gets its controllers passed on, and is emptied',
  {
    skip: unified === undefined,
  },
  async (t) => {
    const mount = unified ?? '';
    const read = async (path: string): Promise<string[]> =>
      (await readFile(path, 'utf8')).split(/\s+/).filter(Boolean);
    const controllers = await read(join(mount, 'cgroup.controllers'));
    const before = await read(join(mount, 'cgroup.subtree_control'));
    const own = new PodCgroups({
      facts: { ...cgroups, version: 2, controllers, mountPoints: { '': mount }, trees: [mount] },
      ...{ driver: 'cgroupfs', root: `${device.cgroupRoot}/two`, milliCpu: 1000 },
      run: () => Promise.reject(new Error('nothing is run')),
    });
    const pod = makePod('two', { containers: [idle({})] });
    await own.limit(pod, [pod]);
    const folder = join(mount, own.parentOf(pod) ?? '');
    t.teardown(async () => {
      const root = dirname(dirname(folder));
      for (const each of ['besteffort', 'burstable', '.']) await rmdir(join(root, each));
      // Only what no cgroup below passes on can be taken back.
      const back = controllers.filter((each) => !before.includes(each)).map((each) => `-${each}`);
      for (let above = dirname(root); above.startsWith(mount); above = dirname(above)) {
        await writeFile(join(above, 'cgroup.subtree_control'), back.join(' '));
      }
    });
    for (const above of [mount, dirname(folder)]) {
      t.same(await read(join(above, 'cgroup.subtree_control')), controllers);
    }
    const process = await device.exec({ name: 'member', command: 'sleep', args: ['1000'] });
    await writeFile(join(folder, 'cgroup.procs'), String(process.pid));
    await own.remove(pod.metadata.uid ?? '');
    t.notOk(existsSync(folder));
    t.equal((await process.ended).signal, 'SIGKILL');
  },
);

void t.test('resources of a pod as a whole', { skip: !isDivided }, async (t) => {
  const resources = { requests: amounts, limits: amounts };
  const pod = makePod('whole', { resources, containers: [idle({})] });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'Running', isRunning);
  t.equal(status.qosClass, 'Guaranteed');
  const cgroup = `/pod${pod.metadata.uid ?? ''}`;
  // A container that has no limits of its own has its pod's.
  for (const each of [cgroup, `${cgroup}/${containerIdOf(status)}`]) {
    t.equal(await value('cpu', each, 'cpu.cfs_quota_us'), '20000');
    t.equal(Number(await value('memory', each, 'memory.limit_in_bytes')), 32 * 1024 ** 2);
  }
  engine.remove(pod);
});

void t.test('a pod as a whole is given other resources', { skip: !isDivided }, async (t) => {
  const own = { cpu: '50m', memory: '16Mi' };
  const containers = [idle({}), idle({ requests: own, limits: own }, { name: 'own' })];
  const resources = { requests: amounts, limits: amounts };
  const pod = makePod('whole-resized', { resources, containers });
  engine.put(asDesired('Pod', pod));
  const before = await engine.until(pod, 'Running', isRunning);
  t.match(before, { resources, allocatedResources: amounts });
  const ids = (before.containerStatuses ?? []).map(({ containerID }) => containerID);
  const [main = '', other = ''] = ids.map((id) => id?.replace('containerd://', '') ?? '');
  const cgroup = `/pod${pod.metadata.uid ?? ''}`;
  const resizeWhole = (resources: ResourceRequirements): void => {
    const changed: Pod = { ...pod, spec: { ...pod.spec, resources } };
    engine.put(asDesired('Pod', changed));
  };
  for (const [cpu, memory, quota] of [
    ['400m', '64Mi', '40000'],
    ['100m', '48Mi', '10000'],
  ] as const) {
    const next = { requests: { cpu, memory }, limits: { cpu, memory } };
    resizeWhole(next);
    const status = await engine.until(
      pod,
      'resized',
      (each) => each.resources?.limits?.['cpu'] === cpu,
    );
    t.match(status, { resources: next, allocatedResources: next.requests });
    t.same(
      (status.containerStatuses ?? []).map(({ containerID }) => containerID),
      ids,
      'the containers are the same',
    );
    t.notOk(status.conditions?.some(({ type }) => type.startsWith('PodResize')));
    for (const each of [cgroup, `${cgroup}/${main}`]) {
      await waitFor(async () => (await value('cpu', each, 'cpu.cfs_quota_us')) === quota, {
        what: `${each} to have its quota`,
        timeoutMs: 5_000,
      });
      const bytes = Number.parseInt(memory, 10) * 1024 ** 2;
      t.equal(Number(await value('memory', each, 'memory.limit_in_bytes')), bytes);
    }
    t.equal(await value('cpu', `${cgroup}/${other}`, 'cpu.cfs_quota_us'), '5000', 'not its own');
  }
  const cpu = `${Number(engine.context.node.allocatable['cpu'] ?? '1') + 1}`;
  const huge = { requests: { cpu }, limits: { cpu } };
  resizeWhole(huge);
  const status = await engine.until(pod, 'infeasible', ({ conditions = [] }) =>
    conditions.some(({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible'),
  );
  t.match(status, { allocatedResources: { cpu: '100m' } });
  engine.remove(pod);
});

/** What was told of the resizes of a pod: reasons, each with the sizes of CPU that it names. */
function resizesOf({ metadata: { uid } }: Pod): string[] {
  return engine.context.events.recent
    .filter(({ pod, reason }) => pod.uid === uid && reason.startsWith('Resize'))
    .map(({ reason, message, count }) => {
      const [, ...sizes] = message.match(/: \{"containers".*"requests":\{"cpu":"(\w+)"/) ?? [];
      return `${reason} ${sizes.join()} ${count}`;
    });
}

function resize(pod: Pod, resources: ResourceRequirements): void {
  const containers = pod.spec.containers.map((each) => ({ ...each, resources }));
  const changed: Pod = { ...pod, spec: { ...pod.spec, containers } };
  engine.put(asDesired('Pod', changed));
}

/** What was resized before the runner ended is no news to the next one. */
async function restartsWithoutNews(t: Test, pod: Pod): Promise<void> {
  const status = engine.status(pod);
  await engine.stop();
  engine = await Engine.start(device);
  const { uid } = pod.metadata;
  const isOurs = (): boolean =>
    engine.pods.list().some((worker) => worker.pod.metadata.uid === uid && worker.isStatusOurs);
  await waitFor(isOurs, { what: 'the next runner to look', timeoutMs: 20_000 });
  t.same([engine.status(pod), resizesOf(pod)], [status, []]);
}

void t.test('a running container is given other resources', { skip: !isDivided }, async (t) => {
  const resources = { requests: amounts, limits: amounts };
  const pod = makePod('resized', { containers: [idle(resources)] });
  engine.put(asDesired('Pod', pod));
  const before = await engine.until(pod, 'Running', isRunning);
  t.match(before.containerStatuses, [{ allocatedResources: amounts, resources }]);
  const id = containerIdOf(before);
  const cgroup = `/pod${pod.metadata.uid ?? ''}`;
  for (const [cpu, memory, quota] of [
    ['400m', '64Mi', '40000'],
    ['100m', '48Mi', '10000'],
  ] as const) {
    const next = { requests: { cpu, memory }, limits: { cpu, memory } };
    resize(pod, next);
    const status = await engine.until(
      pod,
      'resized',
      ({ containerStatuses: [main] = [] }) => main?.resources?.limits?.['cpu'] === cpu,
    );
    t.equal(containerIdOf(status), id, 'it is the same container');
    t.equal(
      status.conditions?.some(({ type }) => type.startsWith('PodResize')),
      false,
    );
    for (const each of [cgroup, `${cgroup}/${id}`]) {
      await waitFor(async () => (await value('cpu', each, 'cpu.cfs_quota_us')) === quota, {
        what: `${each} to have its quota`,
        timeoutMs: 5_000,
      });
      const bytes = Number.parseInt(memory, 10) * 1024 ** 2;
      t.equal(Number(await value('memory', each, 'memory.limit_in_bytes')), bytes);
    }
  }
  t.same(resizesOf(pod), [
    ...['ResizeStarted 400m 1', 'ResizeCompleted 400m 1'],
    ...['ResizeStarted 100m 1', 'ResizeCompleted 100m 1'],
  ]);
  await restartsWithoutNews(t, pod);
  engine.remove(pod);
});

void t.test('a resize that asks for a restart gets it', async (t) => {
  const resources = { requests: amounts, limits: amounts };
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  const pod = makePod('restarted', { containers: [idle(resources, { resizePolicy })] });
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'Running', isRunning);
  const more = { ...amounts, memory: '64Mi' };
  resize(pod, { requests: more, limits: more });
  const status = await engine.until(pod, 'restarted', ({ containerStatuses: [main] = [] }) =>
    Boolean(main?.restartCount === 1 && main.state.running),
  );
  t.match(status.containerStatuses?.[0]?.resources, { limits: { memory: '64Mi' } });
  if (isDivided) {
    const cgroup = `/pod${pod.metadata.uid ?? ''}`;
    t.equal(Number(await value('memory', cgroup, 'memory.limit_in_bytes')), 64 * 1024 ** 2);
  }
  engine.remove(pod);
});

void t.test('a resize without room waits for it, one that never fits says so', async (t) => {
  const whole = Number(engine.context.node.allocatable['cpu'] ?? '1') * 1000;
  const other = makePod('other', { containers: [idle({ requests: { cpu: `${whole - 200}m` } })] });
  const pod = makePod('waits', { containers: [idle({ requests: { cpu: '100m' } })] });
  engine.put(asDesired('Pod', other), asDesired('Pod', pod));
  await engine.until(other, 'Running', isRunning);
  await engine.until(pod, 'Running', isRunning);
  const pending = ({ conditions = [] }: PodStatus, reason: string): boolean =>
    conditions.some((each) => each.type === 'PodResizePending' && each.reason === reason);
  resize(pod, { requests: { cpu: `${whole + 1000}m` } });
  await engine.until(pod, 'infeasible', (status) => pending(status, 'Infeasible'));
  resize(pod, { requests: { cpu: '500m' } });
  const status = await engine.until(pod, 'deferred', (each) => pending(each, 'Deferred'));
  t.match(status.containerStatuses?.[0]?.allocatedResources, { cpu: '100m' });
  engine.remove(other);
  const after = await engine.until(
    pod,
    'resized',
    ({ containerStatuses: [main] = [] }) => main?.resources?.requests?.['cpu'] === '500m',
  );
  t.equal(pending(after, 'Deferred'), false);
  t.same(resizesOf(pod), [
    ...[`ResizeInfeasible ${whole + 1000}m 1`, 'ResizeDeferred 500m 1'],
    ...['ResizeStarted 500m 1', 'ResizeCompleted 500m 1'],
  ]);
  engine.remove(pod);
});
