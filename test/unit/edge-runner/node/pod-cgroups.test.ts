import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Pod } from '../../../../src/kube/api.ts';
import { PodCgroups } from '../../../../src/edge-runner/node/pod-cgroups.ts';

const classes = ['', 'burstable', 'besteffort'];

/** Trees of version 1 in a folder, with the files that a kernel would have for the classes. */
async function makeTrees(dir: string) {
  const mountPoints = { cpu: join(dir, 'cpu'), memory: join(dir, 'memory') };
  const shares = (qos: string): string => join(mountPoints.cpu, 'pods', qos, 'cpu.shares');
  for (const qos of classes) {
    await mkdir(join(mountPoints.memory, 'pods', qos), { recursive: true });
    await mkdir(join(mountPoints.cpu, 'pods', qos), { recursive: true });
    await writeFile(shares(qos), 'untouched');
  }
  let nowMs = 0;
  const cgroups = new PodCgroups({
    facts: {
      ...{ version: 1, hybrid: false, systemd: false, controllers: ['cpu', 'memory'] },
      ...{ mountPoints, trees: Object.values(mountPoints) },
    },
    ...{ driver: 'cgroupfs', root: 'pods', milliCpu: 2000 },
    run: () => Promise.reject(new Error('nothing is run')),
    monotonicMs: () => nowMs,
  });
  return {
    ...{ cgroups, mountPoints },
    pass: (ms: number): void => {
      nowMs += ms;
    },
    read: async (): Promise<string[]> =>
      Promise.all(classes.map((qos) => readFile(shares(qos), 'utf8').then((text) => text.trim()))),
    spoil: async (): Promise<void> => {
      for (const qos of classes) await writeFile(shares(qos), 'untouched');
    },
  };
}

function podOf(uid: string, cpu?: string): Pod {
  const resources = cpu === undefined ? {} : { requests: { cpu } };
  return {
    metadata: { name: uid, namespace: 'default', uid },
    spec: { containers: [{ name: 'main', image: 'x', resources }] },
  };
}

const untouched = classes.map(() => 'untouched');

void t.test('the classes of pods are written when they change, not for each pod', async (t) => {
  const { cgroups, read, spoil, pass } = await makeTrees(t.testdir());
  const [first, second] = [podOf('a'), podOf('b')];
  await Promise.all([cgroups.limit(first, [first]), cgroups.limit(second, [first, second])]);
  t.match(await read(), [/^2048/, /^2/, /^2/]);
  await spoil();
  const third = podOf('c');
  await cgroups.limit(third, [first, second, third]);
  t.same(await read(), untouched, 'they are what they are to be');
  const busy = podOf('d', '500m');
  await cgroups.limit(busy, [first, busy]);
  t.match(await read(), ['untouched', /^512/, 'untouched'], 'the share of one class is another');
  await spoil();
  pass(60_000);
  await cgroups.limit(third, [first, busy]);
  t.match(await read(), [/^2048/, /^512/, /^2/], 'somebody else may have changed them meanwhile');
});

void t.test('the classes are written again when one of them was gone', async (t) => {
  const { cgroups, mountPoints, read, spoil } = await makeTrees(t.testdir());
  await cgroups.limit(podOf('a'), []);
  await spoil();
  await rm(join(mountPoints.memory, 'pods', 'besteffort'), { recursive: true });
  await cgroups.limit(podOf('b'), []);
  t.match(await read(), [/^2048/, /^2/, /^2/]);
});

void t.test('what could not be written is tried again', async (t) => {
  const { cgroups, mountPoints, read } = await makeTrees(t.testdir());
  const folder = join(mountPoints.memory, 'pods', 'burstable');
  await rm(folder, { recursive: true });
  await writeFile(folder, '');
  await t.rejects(cgroups.limit(podOf('a'), []), { code: 'CGROUP_UNWRITABLE' });
  t.same((await read())[2], 'untouched');
  await rm(folder);
  await cgroups.limit(podOf('a'), []);
  t.match((await read())[2], /^2/);
});
