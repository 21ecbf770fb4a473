import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import type { Device } from '../../../hack/lab/device.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { bridgeName } from '../../../src/edge-runner/network/cni-config.ts';
import { cniConfigName } from '../../../src/edge-runner/network/cni-file.ts';
import { PodNetwork } from '../../../src/edge-runner/network/pod-network.ts';
import { askContainerd } from '../../../src/edge-runner/preflight/containerd-facts.ts';
import type { Pod } from '../../../src/kube/api.ts';
import type { EventReport, NodeReport } from '../../../src/protocol/report.ts';
import { asDesired, Engine, makePod } from './engine.ts';
import { echo, trafficPod, transfer } from './traffic.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(240_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `network-${process.pid}`, progress });
const device: Device = await lab.startDevice({ name: 'd' });
const engine = await Engine.start(device);
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

const configDir = join(device.dir, 'cni');
const ownConfig = join(configDir, cniConfigName);
const deviceAddress = '192.168.77.2';

const signal = new AbortController().signal;
/** What the Node says of its ranges. */
let nodeRanges: string[] = [];
let hasPods = false;
const warnings: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) });
const ensure = (podCidrs?: string[]): Promise<PodNetwork> =>
  PodNetwork.ensure(
    {
      cri: engine.cri,
      facts: { machineId: 'd', hostname: 'd' },
      networks: () => ['10.91.2.3/24'],
      needed: () => Promise.resolve(['10.92.0.53']),
      memoryDir: join(device.dir, 'memory'),
      ...{ podCidrs, nodeRanges: () => nodeRanges, hasPods: () => hasPods, log },
    },
    signal,
  );

const networkReady = async (): Promise<boolean> => {
  const facts = await askContainerd(device.socket);
  return 'networkReady' in facts && facts.networkReady;
};

/** What the Node is told to say of itself. */
const nodeReady = (): NodeReport['conditions'][number] | undefined =>
  engine.node.report.conditions.find(({ type }) => type === 'Ready');

/** Starts a pod, and waits until it serves. @returns its addresses */
const serving = async (pod: Pod): Promise<string[]> => {
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  const addresses = (status.podIPs ?? []).map(({ ip }) => ip);
  const target = { host: addresses[0] ?? 'none', port: 8080, bytes: 1 };
  let why = '';
  const tell = (reason: string): void => {
    why = reason;
  };
  await waitFor(() => transfer(device, 'get', target, tell), {
    ...{ what: `${pod.metadata.name} to serve`, timeoutMs: 20_000 },
    explain: () => `${why}\n${JSON.stringify(engine.status(pod), undefined, 1)}`,
  });
  return addresses;
};

/** What the device knows of the interface that has an address. */
const neighbour = async (host: string): Promise<string> =>
  (await device.run('ip', ['neigh', 'show', 'to', host])).stdout;

/** Ends the pods, and waits until nothing of them is left. */
const end = async (...pods: Pod[]): Promise<void> => {
  for (const pod of pods) engine.remove(pod);
  await waitFor(async () => (await engine.cri.listPodSandbox({})).items.length === 0, {
    what: 'the pods to be gone',
    timeoutMs: 20_000,
  });
};

void t.test('a configuration of somebody else is left alone', async (t) => {
  const theirs = join(configDir, '10-lab.conflist');
  const before = await readFile(theirs, 'utf8');
  await ensure(['10.86.0.0/24']);
  t.equal(await readFile(theirs, 'utf8'), before);
  await t.rejects(stat(ownConfig));
});

void t.test('a device without one gets one, and its pods addresses of it', async (t) => {
  await rm(join(configDir, '10-lab.conflist'));
  await waitFor(async () => !(await networkReady()), {
    what: 'containerd to have no network',
    timeoutMs: 10_000,
  });
  const pod = makePod('plain', trafficPod());
  engine.put(asDesired('Pod', pod));
  let told: EventReport[] = [];
  const waits = (): EventReport[] => told.filter(({ reason }) => reason === 'NetworkNotReady');
  const look = (): boolean => {
    told = [...told, ...engine.outbox.take().events];
    return waits().length > 0;
  };
  await waitFor(look, {
    ...{ what: 'the event of a pod without a network', timeoutMs: 10_000 },
  });
  t.match(waits(), [
    {
      type: 'Warning',
      message:
        /^network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized$/,
    },
  ]);
  t.match(nodeReady(), {
    ...{ status: 'False', reason: 'KubeletNotReady' },
    message: /^container runtime network not ready: NetworkReady=false reason:/,
  });
  await ensure();
  t.ok(await networkReady(), 'containerd took it before the runner goes on');
  const written = await stat(ownConfig);
  await ensure();
  t.same((await stat(ownConfig)).mtimeMs, written.mtimeMs, 'and it stays as it is');
  t.match(await serving(pod), [/^10\.85\.0\.\d+$/]);
  t.match(nodeReady(), { status: 'True', reason: 'KubeletReady' });
  await ensure(['10.86.0.0/24']);
  t.same((await stat(ownConfig)).mtimeMs, written.mtimeMs, 'not changed under a running pod');
  await end(pod);
});

void t.test('host ports, TCP and UDP', async (t) => {
  const pod = makePod(
    'ports',
    trafficPod([
      { containerPort: 8080, hostPort: 18080 },
      { containerPort: 5353, hostPort: 15353, protocol: 'UDP' },
    ]),
  );
  await serving(pod);
  const tcp = { host: deviceAddress, port: 18080, bytes: 1000 };
  t.match(await transfer(device, 'get', tcp), { received: 1000 });
  t.equal(await echo(device, deviceAddress, 15353), 'over udp');
  await end(pod);
  t.equal(await transfer(device, 'get', tcp), undefined, 'closed with the pod');
});

void t.test('the bandwidth of the annotations holds both ways, and leaves nothing', async (t) => {
  const pod = makePod('narrow', trafficPod());
  pod.metadata.annotations = {
    'kubernetes.io/ingress-bandwidth': '8M',
    'kubernetes.io/egress-bandwidth': '16M',
  };
  const [host = ''] = await serving(pod);
  for (const [direction, wanted] of [
    ['put', 8e6],
    ['get', 16e6],
  ] as const) {
    const bytes = wanted / 2;
    const done = await transfer(device, direction, { host, port: 8080, bytes });
    const measured = done?.bitsPerSecond ?? 0;
    t.comment(`${direction} ${Math.round(measured / 1e3)} kbit/s`);
    t.ok(Math.abs(measured / wanted - 1) < 0.2, `${direction}: ${measured} of ${wanted}`);
  }
  const free = makePod('free', trafficPod());
  const [other = ''] = await serving(free);
  const fast = await transfer(device, 'get', { host: other, port: 8080, bytes: 16e6 });
  t.ok((fast?.bitsPerSecond ?? 0) > 40e6, 'another pod is not held to it');
  t.match((await device.run('ip', ['-o', 'link', 'show', 'type', 'ifb'])).stdout, /tlbw/);
  await end(pod, free);
  t.equal((await device.run('ip', ['-o', 'link', 'show', 'type', 'ifb'])).stdout, '');
});

/** The bridge is in the device's namespace, and this process isn't. */
const removeBridge = (): Promise<unknown> => device.run('ip', ['link', 'delete', bridgeName]);

/** How a range takes the device off its networks as they really are. */
const harmSeen = async (cidr: string): Promise<string> => {
  const src = join(import.meta.dirname, '../../../src/edge-runner');
  const script = `
    const { listHostNetworks: networks } = await import('${src}/host/host-addresses.ts');
    const { harmOf } = await import('${src}/network/node-ranges.ts');
    const { readNetworks } = await import('${src}/network/surroundings.ts');
    console.log(harmOf('${cidr}', await readNetworks({ networks })) ?? 'none');`;
  const args = ['--input-type=module', '--eval', script];
  return (await device.run(process.execPath, args)).stdout.trim();
};

void t.test('the next pod that has the address of one that ended is found', async (t) => {
  // It keeps the bridge up, which forgets everything by itself when the last pod goes.
  const stays = makePod('stays', trafficPod());
  const ends = makePod('ends', trafficPod());
  await serving(stays);
  const [host = ''] = await serving(ends);
  t.match(await neighbour(host), / lladdr /, 'the device knows its interface');
  engine.remove(ends);
  await waitFor(async () => (await engine.cri.listPodSandbox({})).items.length === 1, {
    what: 'one of two pods to be gone',
    timeoutMs: 20_000,
  });
  t.notMatch(await neighbour(host), / lladdr /, 'and knows it no more');
  await end(stays);
});

void t.test('the ranges of the Node are taken over while no pod has an address', async (t) => {
  warnings.length = 0;
  const network = await ensure();
  t.same(network.view, { configuredBy: 'runner', ranges: ['10.85.0.0/24'] });
  t.equal(network.follow(signal), undefined, 'nothing to do as long as the Node has none');
  nodeRanges = ['10.244.7.0/24'];
  hasPods = true;
  t.equal(network.follow(signal), undefined, 'and nothing to wait for while there are pods');
  t.equal(network.follow(signal), undefined);
  t.match(warnings, [/will be 10\.244\.7\.0\/24 once no pod has an address/], 'told once');
  t.match(network.view, { ranges: ['10.85.0.0/24'], note: /^will be 10\.244\.7\.0\/24/ });
  const old = makePod('old', trafficPod());
  t.match(await serving(old), [/^10\.85\.0\./]);
  hasPods = false;
  await network.follow(signal);
  t.match(network.view, { ranges: ['10.85.0.0/24'], note: /^will be/ }, 'the runtime knows of one');
  await end(old);
  const shares = makePod('shares', { ...trafficPod(), hostNetwork: true });
  engine.put(asDesired('Pod', shares));
  await engine.until(shares, 'Running', ({ phase }) => phase === 'Running');
  await removeBridge();
  const startMs = performance.now();
  await network.follow(signal);
  t.comment(`taken over in ${Math.round(performance.now() - startMs)} ms`);
  t.same(network.view, { configuredBy: 'runner', ranges: ['10.244.7.0/24'] });
  t.equal(network.follow(signal), undefined, 'once');
  // At once: containerd has it when the runner goes on.
  const pod = makePod('ranged', trafficPod());
  t.match(await serving(pod), [/^10\.244\.7\.\d+$/]);
  t.equal(await harmSeen('10.244.7.0/24'), 'none', 'bridge and pods are in nobody’s way');
  await device.run('ip', ['address', 'add', '10.244.7.200/24', 'dev', 'eth0']);
  t.match(await harmSeen('10.244.7.0/24'), /is where the device itself/);
  await device.run('ip', ['address', 'delete', '10.244.7.200/24', 'dev', 'eth0']);
  await end(pod, shares);
});

void t.test('what the Node says is not followed blindly', async (t) => {
  warnings.length = 0;
  const before = await readFile(ownConfig, 'utf8');
  for (const [ranges, why] of [
    [['10.0.0.0/6'], /"10\.0\.0\.0\/6" is no range/],
    [['10.91.0.0/16'], /where the device itself/],
    [['10.92.0.0/24'], /has 10\.92\.0\.53 in it/],
  ] as const) {
    nodeRanges = [...ranges];
    const network = await ensure();
    t.match(network.view, { ranges: ['10.244.7.0/24'], note: why });
    t.equal(network.follow(signal), undefined, 'and is not looked at again');
  }
  t.equal(warnings.length, 3);
  nodeRanges = ['10.244.8.0/24'];
  await ensure(['10.244.7.0/24']);
  t.equal(await readFile(ownConfig, 'utf8'), before, '--pod-cidr comes first');
  nodeRanges = [];
  t.same((await ensure()).view.ranges, ['10.244.7.0/24'], 'without any it stays as it is');
});

void t.test('both families where the device has both', async (t) => {
  await removeBridge();
  const enable = 'for n in all default; do echo 0 > /proc/sys/net/ipv6/conf/$n/disable_ipv6; done';
  await device.run('sh', ['-c', enable]);
  await ensure(['10.86.0.0/24', 'fd00:86::/64']);
  const pod = makePod('dual', trafficPod([{ containerPort: 8080, hostPort: 18080 }]));
  const addresses = await serving(pod);
  t.match(addresses, [/^10\.86\.0\.\d+$/, /^fd00:86::[0-9a-f]+$/]);
  // Until then the device has no address of its own to speak from (RFC 4862, section 5.4).
  await waitFor(
    async () => {
      const tentative = ['-6', 'address', 'show', 'dev', bridgeName, 'tentative'];
      return (await device.run('ip', tentative)).stdout.trim() === '';
    },
    { what: "the bridge's address to be its own", timeoutMs: 20_000 },
  );
  for (const host of addresses) {
    t.match(await transfer(device, 'get', { host, port: 8080, bytes: 1000 }), { received: 1000 });
    t.equal(await echo(device, host, 5353), 'over udp');
  }
  await end(pod);
});
