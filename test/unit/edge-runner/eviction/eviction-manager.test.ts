import t from 'tap';
import {
  EvictionManager,
  type EvictablePod,
  type EvictionManagerOptions,
} from '../../../../src/edge-runner/eviction/eviction-manager.ts';
import {
  evictionGraceSeconds,
  evictionWaitMs,
} from '../../../../src/edge-runner/eviction/limits.ts';
import { signalsOf } from '../../../../src/edge-runner/eviction/observe-signals.ts';
import type { PodRejection } from '../../../../src/edge-runner/pod/pod-status.ts';
import type { PodUsage } from '../../../../src/edge-runner/stats/usage.ts';
import type { ObservedPod } from '../../../../src/edge-runner/pod/observed.ts';
import { makeContainer, makeObserved, makePod } from '../pod/make-observed.ts';
import { podUsage } from '../stats/make-usage.ts';

const signal = new AbortController().signal;
const running = makeObserved({ containers: [makeContainer()] });

/** A device with pods that take memory, of which all but a tenth is free unless a test says otherwise. */
class Device {
  readonly pods: EvictablePod[] = [];
  readonly evicted: [name: string, rejection: PodRejection][] = [];
  readonly warned: unknown[][] = [];
  readonly did: string[] = [];
  readonly manager: EvictionManager;
  memoryAvailable = 900;
  diskAvailable = 900;
  /** What reclaiming gives back. */
  reclaims = 0;
  nowMs = 0;
  readonly #uses = new Map<string, number>();

  constructor(options: Partial<EvictionManagerOptions> = {}) {
    this.manager = new EvictionManager({
      thresholds: [
        { signal: 'memory.available', limit: { count: 100 } },
        { signal: 'nodefs.available', limit: { count: 100 } },
      ],
      ...{ maxPodGraceSeconds: 7, transitionMs: 0 },
      observe: () => Promise.resolve(this.#signals()),
      pods: () => this.pods,
      measure: (known) =>
        Promise.resolve({
          pods: known.map(({ pod }): PodUsage => {
            const workingSetBytes = this.#uses.get(pod.metadata.name) ?? 0;
            const memory = { usageBytes: 0, rssBytes: 0, pageFaults: 0, majorPageFaults: 0 };
            return {
              ...podUsage({ memory: { atMs: 0, ...memory, workingSetBytes }, containers: [] }),
              pod,
            };
          }),
        }),
      meter: { volumes: () => Promise.resolve([]) } as never,
      reclaimDisk: () => {
        this.did.push('reclaimed');
        this.diskAvailable += this.reclaims;
        return Promise.resolve();
      },
      onConditions: () => undefined,
      nowMs: () => this.nowMs,
      log: { warn: (...words: unknown[]) => void this.warned.push(words) },
      ...options,
    });
  }

  add(
    name: string,
    memoryBytes: number,
    fields: Partial<EvictablePod> = {},
  ): { observed: ObservedPod } {
    this.#uses.set(name, memoryBytes);
    const pod = makePod();
    const added = {
      pod: { ...pod, metadata: { ...pod.metadata, name, uid: name } },
      ...{ observed: running, isActive: true },
      evict: (rejection: PodRejection) => {
        this.did.push(`evicted ${name}`);
        this.evicted.push([name, rejection]);
      },
      ...fields,
    };
    this.pods.push(added);
    return added;
  }

  #signals(): ReturnType<typeof signalsOf> {
    const disk = {
      capacityBytes: 1000,
      availableBytes: this.diskAvailable,
      inodes: 0,
      inodesFree: 0,
    };
    return signalsOf({
      memory: { totalBytes: 1000, availableBytes: this.memoryAvailable, workingSetBytes: 0 },
      ...{ nodeFs: disk, imageFs: disk, pids: { max: 100, running: 1 } },
    });
  }
}

void t.test(
  'one pod goes at a time, and the next when it has ended or takes too long',
  async (t) => {
    const device = new Device();
    device.add('small', 10);
    const large = device.add('large', 500);
    await device.manager.relieve(signal);
    t.same(device.did, [], 'there is enough');
    device.memoryAvailable = 99;
    await device.manager.relieve(signal);
    t.match(device.evicted, [
      [
        'large',
        {
          reason: 'Evicted',
          disruption: 'TerminationByKubelet',
          graceSeconds: evictionGraceSeconds,
        },
      ],
    ]);
    t.same([...device.manager.counts], [['memory.available', 1]]);
    device.pods.splice(1, 1);
    device.nowMs = evictionWaitMs - 1;
    await device.manager.relieve(signal);
    t.equal(device.evicted.length, 1, 'it still ends');
    device.nowMs = evictionWaitMs;
    await device.manager.relieve(signal);
    t.same(
      device.evicted.map(([name]) => name),
      ['large', 'small'],
    );
    t.equal(large.observed, running);
  },
);

void t.test('the next goes at once where the one before has ended', async (t) => {
  const device = new Device();
  device.memoryAvailable = 99;
  device.add('small', 10);
  const large = device.add('large', 500);
  await device.manager.relieve(signal);
  large.observed = makeObserved({ containers: [] });
  device.pods.pop();
  await device.manager.relieve(signal);
  t.same(device.did, ['evicted large', 'evicted small']);
});

void t.test('a pod that ends already, or is critical, is none to evict', async (t) => {
  const device = new Device();
  device.memoryAvailable = 99;
  device.add('ending', 500, { isActive: false });
  device.add('critical', 500, { pod: makePod({ priority: 2_000_000_000 }) });
  await device.manager.relieve(signal);
  t.same(device.did, []);
  t.match(device.warned, [[{ signal: 'memory.available' }, /no pod can be evicted/]]);
});

void t.test('from a disk all else goes before a pod', async (t) => {
  const device = new Device();
  device.add('web', 10);
  device.diskAvailable = 99;
  device.reclaims = 1;
  await device.manager.relieve(signal);
  t.same(device.did, ['reclaimed'], 'and that was enough');
  device.diskAvailable = 90;
  await device.manager.relieve(signal);
  t.same(device.did.slice(1), ['reclaimed', 'evicted web']);
});

void t.test('a soft threshold gives a pod its grace', async (t) => {
  const soft = { signal: 'memory.available', limit: { count: 100 }, graceMs: 1000 } as const;
  for (const maxPodGraceSeconds of [7, undefined]) {
    const device = new Device({ thresholds: [soft], maxPodGraceSeconds });
    device.add('web', 10);
    device.memoryAvailable = 99;
    await device.manager.relieve(signal);
    t.same(device.did, [], 'not yet');
    t.match(device.manager.admission(makePod()), { reason: 'Evicted' }, 'but there is pressure');
    device.nowMs = 1000;
    await device.manager.relieve(signal);
    t.equal(device.evicted[0]?.[1].graceSeconds, maxPodGraceSeconds);
  }
});
