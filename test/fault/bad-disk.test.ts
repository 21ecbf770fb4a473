import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { busyboxImage, describeImage } from '../../hack/lab/images.ts';
import { createLab } from '../../hack/lab/lab.ts';
import { ensurePackages } from '../../hack/lab/packages.ts';
import { registryRequirements, startRegistry } from '../../hack/lab/registry.ts';
import { sweepLabs } from '../../hack/lab/remove-lab.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import type { ConfigMap, Pod } from '../../src/kube/api.ts';
import { CutOffSite, isReady } from '../integration/edge-runner/cut-off-site.ts';
import { makePod } from '../integration/edge-runner/engine.ts';
import { SmallCloud } from '../integration/edge-runner/small-cloud.ts';
import { linesWith, SmallDisk } from '../integration/edge-runner/small-disk.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(280_000);
await ensurePackages(progress);
await ensurePackages(progress, [
  ...registryRequirements,
  { paths: ['mkfs.ext4', 'fsck.ext4'], debianPackage: 'e2fsprogs' },
  { paths: ['findmnt'], debianPackage: 'util-linux' },
]);
await sweepLabs({ progress });
const lab = await createLab({ name: `bad-disk-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const cloud = await SmallCloud.start(lab.hostAddress);
const disk = await SmallDisk.create(join(device.dir, 'berlin'), 64);
const logs = await SmallDisk.create(join(device.dir, 'pod-logs'), 16);
t.teardown(async () => {
  await current.stop();
  await cloud.close();
});
const site = await CutOffSite.create(device, 'berlin', (dir) => cloud.join('berlin', dir));
let current = site;
const flags = ['--eviction-pressure-transition-period', '1s', '--container-log-max-size', '100Ki'];

const nodeName = 'berlin.acme';
const said = (text: string): Promise<string[]> => linesWith(current.runner.logFile, text);

/** A pod that no pressure evicts; it writes a line ten times a second. */
function ticking(name: string, spec: Partial<Pod['spec']> = {}): Pod {
  return makePod(name, {
    ...{ nodeName, priority: 2_000_001_000, enableServiceLinks: false },
    containers: [
      {
        ...{ name: 'main', image: busyboxImage },
        command: ['sh', '-c', 'i=0; while :; do echo tick $((i+=1)); usleep 100000; done'],
        volumeMounts: (spec.volumes ?? []).map(({ name }) => ({ name, mountPath: `/${name}` })),
      },
    ],
    ...spec,
  });
}

/** Ready in the cloud's eyes, each with the container that it has. */
function readyPods(...names: string[]): Promise<Map<string, string>> {
  return waitFor(
    () => {
      const found = names.map((name) => cloud.statuses.get(name));
      const ready = found.every((report) => report !== undefined && isReady(asPod(report)));
      return ready && new Map(found.map((report) => [report?.name ?? '', containerOf(report)]));
    },
    {
      ...{ what: `${names.join(' and ')} to be ready`, timeoutMs: 90_000 },
      explain: () => JSON.stringify([...cloud.statuses.values()]) + current.runner.logTail(),
    },
  );
}

function asPod(report: { status: object }): Pod {
  return report as Pod;
}

function containerOf(report: { status: object } | undefined): string {
  return report === undefined
    ? ''
    : (asPod(report).status?.containerStatuses?.[0]?.containerID ?? '');
}

async function until(what: string, condition: () => unknown, timeoutMs = 60_000): Promise<void> {
  const explain = (): string => JSON.stringify(cloud.node?.conditions) + current.runner.logTail();
  await waitFor(async () => (await condition()) === true, { what, timeoutMs, explain });
}

async function untilSaid(text: string, before: readonly string[] = []): Promise<void> {
  await until(`the log to say "${text}"`, async () => (await said(text)).length > before.length);
}

const condition = (type: string, status: string) => (): boolean =>
  cloud.condition(type)?.status === status;

/** The same process, and the same containers. */
function same(t: Test, pid: number, before: Map<string, string>, after: Map<string, string>): void {
  t.equal(current.runner.pid, pid, 'the runner is the same process');
  t.ok(current.runner.isRunning(), 'and it runs');
  for (const [name, id] of before) t.equal(after.get(name), id, `${name} was not restarted`);
}

void t.test('a disk that is full while pods come: they come when there is room', async (t) => {
  cloud.pods.set(ticking('first'));
  await site.start(...flags);
  const { pid } = site.runner;
  const before = await readyPods('first');
  t.comment('"first" runs; the disk of the store is filled to its last block');
  await disk.fill();
  t.comment('the cloud sends a pod, "second", and a ConfigMap of 700,000 bytes that it mounts');
  const text = 'x'.repeat(700_000);
  const config: ConfigMap = {
    metadata: { name: 'big', namespace: 'berlin', uid: 'b' },
    data: { text },
  };
  cloud.configMaps.set(config);
  cloud.pods.set(ticking('second', { volumes: [{ name: 'big', configMap: { name: 'big' } }] }));
  await untilSaid('an exchange with the provider failed');
  t.match(
    (await said('an exchange with the provider failed'))[0],
    /full; check that the disk has room/,
    'the log says why it was not taken',
  );
  await until('the node to say that its disk is full', condition('DiskPressure', 'True'));
  t.pass('the node says DiskPressure');
  t.equal(cloud.condition('Ready')?.status, 'True', 'and it is ready all the same');
  t.notOk(cloud.statuses.has('second'), '"second" has not begun by half of what it needs');
  t.comment('the disk is given its room back');
  await disk.relieve();
  same(t, pid, before, await readyPods('first', 'second'));
  await until('the pressure to be over', condition('DiskPressure', 'False'));
  const { stdout } = await site.cli(['exec', 'second', '--', 'wc', '-c', '/big/text']);
  t.match(stdout, /^700000 /, '"second" reads all 700,000 bytes');
});

void t.test(
  'a full disk of logs: containers run on, and write again when there is room',
  async (t) => {
    const { pid } = site.runner;
    const before = await readyPods('first', 'second');
    const newest = async (): Promise<number> => {
      const { stdout } = await site.cli(['logs', 'first', '--tail', '1']);
      return Number(/\d+/.exec(stdout)?.[0] ?? 0);
    };
    t.comment('both pods write ten lines a second; the disk of their logs is filled');
    await logs.fill();
    let last = -1;
    await until('nothing more to be written', async () => last === (last = await newest()));
    t.comment(`nothing comes any more after line ${last} of "first"; there is room again`);
    await logs.relieve();
    await until('newer lines to be written', async () => (await newest()) > last + 20);
    t.pass('lines come again');
    same(t, pid, before, await readyPods('first', 'second'));
  },
);

void t.test('a disk that is read-only at the start: pods run on by what it holds', async (t) => {
  const before = await readyPods('first', 'second');
  t.comment('the runner is stopped, its disk mounted read-only, and the runner started');
  await site.stop();
  await disk.remount('ro');
  await site.start(...flags);
  const { pid } = site.runner;
  await until('the node to say so', condition('Ready', 'False'));
  const fault = { reason: 'KubeletNotReady', message: /berlin is on a read-only file system$/ };
  t.match(cloud.condition('Ready'), fault, 'the node is not ready, and says why');
  t.equal((await said('the store can not be written')).length, 1, 'the log says so, once');
  same(t, pid, before, await readyPods('first', 'second'));
  t.equal((await site.cli(['pods'])).code, 0, 'a person on the device is answered');
  t.comment('the cloud sends "third", the process of "first" is killed, the disk mounted as ever');
  cloud.pods.set(ticking('third'));
  await untilSaid('an exchange with the provider failed');
  const [, victim = ''] = before.get('first')?.split('//') ?? [];
  await device.ctr('tasks', 'kill', '-s', 'SIGKILL', victim);
  await disk.remount('rw');
  await until('"first" to be started again', () => {
    return containerOf(cloud.statuses.get('first')) !== before.get('first');
  });
  const after = await readyPods('first', 'second', 'third');
  await until('the node to be ready', condition('Ready', 'True'));
  t.pass('the node is ready, and "third" runs');
  t.pass('"first" was started again');
  same(t, pid, new Map([['second', before.get('second') ?? '']]), after);
  t.equal((await said('the store can be written again')).length, 1, 'the log says so, once');
});

void t.test(
  'a disk that turns read-only: pods run on, and after a reboot all is there',
  async (t) => {
    const { pid } = site.runner;
    const before = await readyPods('first', 'second', 'third');
    const failures = await said('an exchange with the provider failed');
    t.comment('the kernel finds a fault on the disk of the store and turns it read-only');
    await disk.fail();
    await until('the node to say so', condition('Ready', 'False'));
    t.pass('the node is not ready');
    const told = await said('on a read-only file system: pods run on');
    t.equal(told.length, 2, 'the log says so once, and once at the start before');
    t.comment('the cloud sends "fourth"');
    cloud.pods.set(ticking('fourth'));
    await untilSaid('an exchange with the provider failed', failures);
    same(t, pid, before, await readyPods('first', 'second', 'third'));
    t.comment('reboot: all containers are gone; the disk is checked and mounted');
    // It unmounts all that is the device's.
    await device.reboot();
    await disk.repair();
    await Promise.all([disk.mount(), logs.mount()]);
    cloud.statuses.clear();
    await site.start(...flags);
    await readyPods('first', 'second', 'third', 'fourth');
    await until('the node to be ready', condition('Ready', 'True'));
    t.pass('the node is ready, and all four pods are');
    t.equal((await said('a new one is begun')).length, 0, 'the store is whole');
  },
);

void t.test('a disk that is full while an image comes: it comes when there is room', async (t) => {
  await site.stop();
  const images = await SmallDisk.create(join(lab.dir, 'e', 'root'), 128);
  const far = await lab.startDevice({ name: 'e' });
  const registry = await startRegistry(lab, { name: 'registry' });
  await registry.openTo(far);
  const filling = {
    kind: 'file',
    path: 'filling',
    content: randomBytes(20 * 1024 * 1024),
  } as const;
  const parts = await describeImage({ name: 'large', members: [filling] }, { progress });
  const image = await registry.publish('team/large:1', parts);
  current = await CutOffSite.create(far, 'paris', (dir) => cloud.join('paris', dir));
  const nodeName = 'paris.acme';
  cloud.pods.set(ticking('kept', { nodeName }));
  await current.start(...flags);
  const { pid } = current.runner;
  const before = await readyPods('kept');
  t.comment(
    'another device: "kept" runs, the disk of the images is filled, 20 MB are to be pulled',
  );
  await images.fill();
  const containers = [{ name: 'main', image, command: ['sleep', '100000'] }];
  cloud.pods.set(ticking('large', { nodeName, containers }));
  await until('the pod to say why it waits', () => {
    const report = cloud.statuses.get('large');
    const [main] = (report && asPod(report).status?.containerStatuses) ?? [];
    return main?.state.waiting?.message?.includes('no space left on device');
  });
  await until('the node to say that its disk is full', condition('DiskPressure', 'True'));
  t.pass('the pod says "no space left on device", the node DiskPressure');
  t.comment('the disk is given its room back');
  await images.relieve();
  same(t, pid, before, await readyPods('kept', 'large'));
  await until('the pressure to be over', condition('DiskPressure', 'False'));
});
