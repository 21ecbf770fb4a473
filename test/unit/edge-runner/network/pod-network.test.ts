import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { CriClient } from '../../../../src/edge-runner/cri/cri-client.ts';
import { cniConfig, rangesIn } from '../../../../src/edge-runner/network/cni-config.ts';
import { cniConfigName } from '../../../../src/edge-runner/network/cni-file.ts';
import { PodNetwork } from '../../../../src/edge-runner/network/pod-network.ts';
import { lan, routes4 } from './routes-fixture.ts';

const ownLan = ['192.168.0.0/16'];
const free = ['10.244.1.0/24'];
const chosen = ['10.85.0.0/24'];
const { signal } = new AbortController();

/** A device in 192.168.7.0/24 with containerd and plugins. */
class Scene {
  readonly #dir: string;
  nodeRanges = ownLan;
  hasPods = false;
  /** Whether the runtime tells of the pods' sandboxes. */
  isListed = true;
  /** Whether no file descriptor is left. */
  isBlind = false;
  /** Happens while the runner makes up its mind. */
  meanwhile = (): void => undefined;
  isUp = true;
  podCidrs: string[] | undefined;
  networks = ['192.168.7.2/24'];
  readonly warnings: string[] = [];

  constructor(t: Test) {
    this.#dir = t.testdir({ bin: { bridge: '', 'host-local': '', portmap: '' }, cni: {} });
  }

  get #file(): string {
    return join(this.#dir, 'cni', cniConfigName);
  }

  /** Starts a runner. */
  async start(): Promise<PodNetwork> {
    await this.setUp(this.isUp);
    return PodNetwork.ensure(
      {
        ...{ cri: this.#cri(), facts: { machineId: 'd', hostname: 'd' } },
        networks: () => {
          if (this.isBlind) throw new Error('uv_interface_addresses returned EMFILE');
          return this.isUp ? this.networks : [];
        },
        needed: () => {
          this.meanwhile();
          return Promise.resolve([]);
        },
        root: { root: this.#dir },
        memoryDir: this.#dir,
        podCidrs: this.podCidrs,
        nodeRanges: () => this.nodeRanges,
        hasPods: () => this.hasPods,
        log: pino({ level: 'warn' }, { write: (line: string) => this.warnings.push(line) }),
      },
      signal,
    );
  }

  /** Plugs the device into its network, or out of it. */
  async setUp(isUp: boolean): Promise<void> {
    this.isUp = isUp;
    await mkdir(join(this.#dir, 'proc', 'net'), { recursive: true });
    await writeFile(join(this.#dir, 'proc', 'net', 'route'), isUp ? lan : routes4());
  }

  async configure(cidrs: readonly string[]): Promise<void> {
    await writeFile(this.#file, JSON.stringify(cniConfig({ cidrs, addressDir: this.#dir })));
  }

  async configured(): Promise<string[]> {
    return rangesIn(await readFile(this.#file, 'utf8'));
  }

  #cri(): Pick<CriClient, 'status' | 'listPodSandbox' | 'podSandboxStatus'> {
    const cni = { confDir: join(this.#dir, 'cni'), binDir: join(this.#dir, 'bin') };
    const answer = {
      status: { conditions: [{ type: 'NetworkReady', status: true }] },
      info: { config: JSON.stringify({ cni }) },
    };
    return {
      status: () => Promise.resolve(answer),
      listPodSandbox: () =>
        Promise.resolve({ items: this.hasPods && this.isListed ? [{ id: 'a' }] : [] }),
      podSandboxStatus: () => Promise.resolve({ status: {} }),
    } as unknown as CriClient;
  }
}

void t.test('a refused range is not taken at a boot before the network is up', async (t) => {
  const scene = new Scene(t);
  const first = await scene.start();
  t.match(first.view, { ranges: chosen, note: /^can't be 192\.168\.0\.0\/16/ });
  t.equal(first.follow(signal), undefined, 'that is settled');

  scene.isUp = false;
  const second = await scene.start();
  t.match(second.view, { ranges: chosen, note: /^will be .* a default route$/ });
  t.same(await scene.configured(), chosen);

  await scene.setUp(true);
  await second.follow(signal);
  t.match(second.view, { ranges: chosen, note: /^can't be/ }, 'looked at again');
  t.equal(second.follow(signal), undefined);
  t.match((await scene.start()).view, { ranges: chosen, note: /^can't be/ });
});

void t.test('a usable one is taken as soon as the network is up', async (t) => {
  const scene = new Scene(t);
  scene.nodeRanges = free;
  scene.isUp = false;
  const network = await scene.start();
  t.match(network.view, { ranges: chosen, note: /^will be/ });
  await network.follow(signal);
  await network.follow(signal);
  t.equal(scene.warnings.length, 1, 'told once');
  await scene.setUp(true);
  await network.follow(signal);
  t.same(network.view, { configuredBy: 'runner', ranges: free });
  scene.isUp = false;
  const next = await scene.start();
  const kept = { configuredBy: 'runner', ranges: free } as const;
  t.same(next.view, kept, 'kept at the next boot, and not said to come');
  scene.hasPods = true;
  t.equal(next.follow(signal), undefined);
  t.same(next.view, kept);
  t.equal(scene.warnings.length, 1);
});

void t.test(
  'one that takes the device off its network goes when no pod has an address',
  async (t) => {
    const scene = new Scene(t);
    await scene.configure(ownLan);
    scene.hasPods = true;
    const network = await scene.start();
    const note = /^can't be 192\.168\.0\.0\/16.*; it will be 10\.85\.0\.0\/24 once no pod/;
    t.match(network.view, { ranges: ownLan, note });
    t.equal(network.follow(signal), undefined);
    t.match(network.view, { note }, 'and not said to become the refused one');
    t.equal(scene.warnings.length, 1);
    scene.hasPods = false;
    await network.follow(signal);
    t.match(network.view, { ranges: chosen, note: /^can't be/ });
    t.same(await scene.configured(), chosen);
    await scene.configure(ownLan);
    scene.nodeRanges = [];
    t.same((await scene.start()).view, { configuredBy: 'runner', ranges: chosen });
  },
);

void t.test('a network that the device comes onto while pods run is told of', async (t) => {
  const scene = new Scene(t);
  scene.nodeRanges = [];
  const network = await scene.start();
  scene.hasPods = true;
  await network.look(signal);
  t.same([network.view, scene.warnings], [{ configuredBy: 'runner', ranges: chosen }, []]);

  const [own = ''] = scene.networks;
  scene.networks = [own, '10.85.3.4/16'];
  await network.look(signal);
  await network.look(signal);
  const harm = /^takes the device off a network: 10\.85\.0\.0\/24 is where the device itself/;
  t.match(network.view, { ranges: chosen, note: harm });
  t.match(network.view, { note: /; will be 172\.30\.85\.0\/24 once no pod has an address/ });
  t.equal(scene.warnings.length, 2, 'each told once');
  t.equal(network.follow(signal), undefined, 'nothing changes under pods');

  scene.networks = [own];
  await network.look(signal);
  t.same(network.view, { configuredBy: 'runner', ranges: chosen }, 'and off it again');

  scene.networks = [own, '10.85.3.4/16'];
  await network.look(signal);
  scene.hasPods = false;
  await network.follow(signal);
  t.same(network.view, { configuredBy: 'runner', ranges: ['172.30.85.0/24'] });
  t.same(await scene.configured(), ['172.30.85.0/24']);
  t.equal(network.follow(signal), undefined);

  scene.networks = [own, '10.85.3.4/16', '172.30.85.9/24'];
  await network.look(signal);
  t.same(network.view, { configuredBy: 'runner', ranges: ['192.168.185.0/24'] }, 'without pods');
});

void t.test('of ranges that a person gave it is only told', async (t) => {
  const scene = new Scene(t);
  scene.podCidrs = ['10.85.0.0/24'];
  const network = await scene.start();
  scene.networks = ['10.85.3.4/16'];
  await network.look(signal);
  t.match(network.view, { ranges: chosen, note: /is where the device itself[^;]*$/ });
  t.equal(network.follow(signal), undefined);
  t.same(await scene.configured(), chosen);
});

void t.test('nothing changes under a sandbox that is being made', async (t) => {
  const scene = new Scene(t);
  scene.nodeRanges = [];
  const network = await scene.start();
  [scene.hasPods, scene.isListed] = [true, false];
  scene.networks = ['10.85.3.4/16'];
  await network.look(signal);
  const note = /^takes the device off.*; will be 172\.30\.85\.0\/24 once no pod has an address/;
  t.match(network.view, { ranges: chosen, note });
  t.same(await scene.configured(), chosen);
  t.equal(network.follow(signal), undefined);
  scene.hasPods = false;
  await network.follow(signal);
  t.same(await scene.configured(), ['172.30.85.0/24']);

  scene.hasPods = true;
  scene.networks = ['172.30.85.9/24'];
  scene.meanwhile = () => {
    scene.hasPods = false;
    t.ok(network.follow(signal), 'pods that come wait');
  };
  await network.look(signal);
  t.same(await scene.configured(), chosen, 'the last pod ended meanwhile');
});

void t.test('a device that cannot read its networks is told of once', async (t) => {
  const scene = new Scene(t);
  const network = await scene.start();
  scene.warnings.length = 0;
  const { view } = network;
  scene.isBlind = true;
  await network.look(signal);
  await network.look(signal);
  t.match(scene.warnings, [/EMFILE.*it cannot be told whether the pod network takes/]);
  t.equal(scene.warnings.length, 1);
  t.same(network.view, view);
  scene.isBlind = false;
  await network.look(signal);
  t.equal(scene.warnings.length, 1);
  scene.isBlind = true;
  await network.look(signal);
  t.equal(scene.warnings.length, 2, 'and when it comes back');
});
