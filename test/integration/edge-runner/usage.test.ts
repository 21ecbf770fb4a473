import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { UsageCollector } from '../../../src/edge-runner/stats/usage-collector.ts';
import type { PodUsage } from '../../../src/edge-runner/stats/usage.ts';
import type { Pod, PodSpec } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `usage-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
const engine = await Engine.start(device);
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});
const collector = new UsageCollector({
  cri: engine.cri,
  pods: () => engine.pods.list(),
  podCgroup: (pod) => engine.context.cgroups.usageOf(pod),
  containerSwap: (pod, containerId) => engine.context.cgroups.swapOf(pod, containerId),
  stateDir: device.dir,
  nowMs: () => Date.now(),
});

async function run(name: string, script: string, more: Partial<PodSpec> = {}): Promise<Pod> {
  const containers = ['one', 'two'].map((each) => ({
    ...{ name: each, image: busyboxImage, command: ['sh', '-c', script] },
  }));
  const pod = makePod(name, { containers, ...more });
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  return pod;
}

async function usageOf(pod: Pod): Promise<PodUsage> {
  const { pods } = await collector.collect();
  const usage = pods.find((each) => each.pod.metadata.uid === pod.metadata.uid);
  if (usage === undefined) throw new RangeError(`${pod.metadata.name} was not measured`);
  return usage;
}

await t.test('a pod has used what its containers have, and something itself', async (t) => {
  const busy = await run('busy', 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 1000');
  const ofHost = await run('host', 'sleep 1000', { hostNetwork: true });
  const usage = await usageOf(busy);
  t.same(usage.containers.map(({ container }) => container.name).sort(), ['one', 'two']);
  const sum = usage.containers.reduce((all, { cpu }) => all + (cpu?.nanoseconds ?? 0), 0);
  t.ok(sum > 0 && (usage.cpu?.nanoseconds ?? 0) >= sum, `${usage.cpu?.nanoseconds} of ${sum} ns`);
  const memory = usage.containers.reduce((all, each) => all + (each.memory?.usageBytes ?? 0), 0);
  t.ok(memory > 0 && (usage.memory?.usageBytes ?? 0) >= memory * 0.9);
  t.ok((usage.memory?.workingSetBytes ?? 0) <= (usage.memory?.usageBytes ?? 0));
  t.equal(usage.processes, 3, 'two shells and the sandbox');
  t.match(usage.network, [{ name: 'eth0', txBytes: Number }]);
  t.same((await usageOf(ofHost)).network, [], 'the traffic of the device is not that of a pod');
  for (const pod of [busy, ofHost]) engine.remove(pod);
});

await t.test('a container with a limit on memory may have nothing on swap', async (t) => {
  const limited = { resources: { limits: { memory: '64Mi' } } };
  const containers = [limited, {}].map((more, index) => ({
    ...{ name: `c${index}`, image: busyboxImage, command: ['sleep', '1000'], ...more },
  }));
  const pod = await run('swap', '', { containers });
  const found = (await usageOf(pod)).containers.map(({ container, swap }) => [
    ...[container.name, swap?.usedBytes, swap?.limitBytes],
  ]);
  t.same(found.sort(), [
    ['c0', 0, 0],
    ['c1', 0, undefined],
  ]);
  engine.remove(pod);
});

await t.test('measuring many times while pods come and go leaves containerd alive', async (t) => {
  const { runtimeVersion } = await engine.cri.version({});
  const stay = await Promise.all(['a', 'b', 'c', 'd'].map((name) => run(name, 'sleep 1000')));
  let measured = 0;
  let isOver = false;
  const measuring = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const { pods } = await collector.measure(engine.pods.list());
      measured += pods.length;
    }
  });
  try {
    for (let round = 0; round < 6; round += 1) {
      const pod = await run(`comes-${round}`, 'sleep 1000');
      engine.remove(pod);
    }
  } finally {
    isOver = true;
    await Promise.all(measuring);
  }
  t.ok(measured > 100, `${measured} pods measured, on containerd ${runtimeVersion}`);
  // Nobody starts it again here.
  t.equal((await engine.cri.version({})).runtimeVersion, runtimeVersion);
  for (const pod of stay) t.equal(engine.status(pod)?.phase, 'Running');
});
