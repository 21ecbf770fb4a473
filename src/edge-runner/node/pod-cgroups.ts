import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../../kube/api.ts';
import { sharesOf, type LinuxResources } from '../../kube/container-resources.ts';
import { burstableShares, podCgroupResources } from '../../kube/pod-cgroup.ts';
import {
  cgroupPath,
  readCgroupSwap,
  readCgroupUsage,
  type CgroupSwap,
  type CgroupUsage,
} from '../host/cgroup-usage.ts';
import type { CgroupFacts } from '../host/cgroups.ts';
import type { RunOnHost } from '../host/run-on-host.ts';
import {
  podCgroupParent,
  podCgroupParents,
  qosCgroup,
  type CgroupDriver,
} from '../pod/cgroup-parent.ts';
import { classCgroupAgeMs } from '../limits.ts';
import { cgroupFiles } from './cgroup-files.ts';
import { removePodCgroup } from './remove-cgroup.ts';
import { SystemdSlices } from './systemd-slices.ts';
import { writeCgroup } from './write-cgroup.ts';

export interface PodCgroupsOptions {
  facts: CgroupFacts;
  /** Undefined leaves all of it to the runtime. */
  driver: CgroupDriver | undefined;
  /** Name of the cgroup above all pods'. */
  root: string;
  /** The CPU of the device: the weight of all pods beside everything else that runs on it. */
  milliCpu: number;
  /** Sizes of huge pages that the device has, in bytes. */
  hugePageSizes?: readonly number[];
  run: RunOnHost;
  monotonicMs?: () => number;
}

/** The cgroups of pods, by QoS class as a kubelet has them; with systemd they are its slices. */
export class PodCgroups {
  readonly #options: PodCgroupsOptions;
  readonly #slices: SystemdSlices;
  /** What the cgroup of a class was given last, and when. */
  readonly #given = new Map<string, { resources: LinuxResources; atMs: number }>();
  /** Ends when all that was asked for the classes is written. */
  #sharing: Promise<void> = Promise.resolve();

  constructor(options: PodCgroupsOptions) {
    this.#options = options;
    this.#slices = new SystemdSlices(options.run, options.facts.version);
  }

  /** Name of a pod's cgroup; undefined leaves it to the runtime. */
  parentOf(pod: Pod): string | undefined {
    const { driver, root } = this.#options;
    return driver && podCgroupParent(pod, driver, root);
  }

  /**
   * Makes a pod's cgroup or changes it, and gives its class its share among `all`. Its limits are
   * not below those that it has in the form of `before`.
   * @throws HostError `CGROUP_UNWRITABLE`; the signal's reason
   */
  async limit(
    pod: Pod,
    all: readonly Pod[],
    before: Pod = pod,
    signal?: AbortSignal,
  ): Promise<void> {
    const { driver, root, hugePageSizes } = this.#options;
    if (driver === undefined) return;
    await this.#shareOut(driver, all, signal);
    const cgroup = podCgroupParent(pod, driver, root);
    const made = await this.#write(cgroup, largerOf(pod, before, hugePageSizes), signal);
    if (made !== 'with others above') return;
    this.#given.clear();
    await this.#shareOut(driver, all, signal);
  }

  /** What a pod has used, by the counters of its cgroup; undefined where it has none of its own. */
  async usageOf(pod: Pod): Promise<CgroupUsage | undefined> {
    const parent = this.parentOf(pod);
    return parent === undefined ? undefined : readCgroupUsage(this.#options.facts, parent);
  }

  /** What a container of a pod has on swap; undefined where that can't be known. */
  async swapOf(pod: Pod, containerId: string): Promise<CgroupSwap | undefined> {
    const { driver, facts } = this.#options;
    const parent = this.parentOf(pod);
    if (parent === undefined) return undefined;
    const own = driver === 'systemd' ? `cri-containerd-${containerId}.scope` : containerId;
    return readCgroupSwap(facts, join(cgroupPath(parent), own));
  }

  /** Removes what is left of a stopped pod, whatever its QoS class was. */
  async remove(podUid: string): Promise<void> {
    const { driver, root, facts } = this.#options;
    if (driver === undefined) return;
    await removePodCgroups(podUid, { driver, root, facts, slices: this.#slices });
  }

  /** Gives the classes their shares, one after the other. */
  #shareOut(driver: CgroupDriver, all: readonly Pod[], signal?: AbortSignal): Promise<void> {
    const { root, milliCpu } = this.#options;
    const share = async (): Promise<void> => {
      const whole = { ...unlimited, cpuShares: sharesOf(milliCpu) };
      const burstable = { ...unlimited, cpuShares: burstableShares(all) };
      await this.#keepClass(qosCgroup('Guaranteed', driver, root), whole, signal);
      await this.#keepClass(qosCgroup('Burstable', driver, root), burstable, signal);
      await this.#keepClass(qosCgroup('BestEffort', driver, root), unlimited, signal);
    };
    const shared = this.#sharing.then(share, share);
    this.#sharing = shared;
    return shared;
  }

  /** Writes it when it is to be another, and once in a while, for somebody else may have changed it. */
  async #keepClass(cgroup: string, wanted: LinuxResources, signal?: AbortSignal): Promise<void> {
    const nowMs = (this.#options.monotonicMs ?? monotonicMs)();
    const given = this.#given.get(cgroup);
    const isFresh = given !== undefined && nowMs - given.atMs < classCgroupAgeMs;
    if (isFresh && isDeepStrictEqual(given.resources, wanted)) return;
    await this.#write(cgroup, wanted, signal);
    this.#given.set(cgroup, { resources: wanted, atMs: nowMs });
  }

  async #write(
    cgroup: string,
    resources: LinuxResources,
    signal?: AbortSignal,
  ): Promise<'alone' | 'with others above'> {
    const { driver, facts } = this.#options;
    if (driver !== 'systemd') return writeCgroup(cgroup, cgroupFiles(facts, cgroup, resources));
    await this.#slices.set(cgroup, resources, signal);
    return 'alone';
  }
}

/** Removes every cgroup that a stopped pod can have. @throws HostError `CGROUP_BUSY` */
export async function removePodCgroups(
  podUid: string,
  parts: { driver: CgroupDriver; root: string; facts: CgroupFacts; slices: SystemdSlices },
): Promise<void> {
  const { driver, root, facts, slices } = parts;
  const names = podCgroupParents(podUid, driver, root);
  const cgroups = driver === 'systemd' ? await slices.stop(names) : names;
  for (const cgroup of cgroups) await removePodCgroup(facts, cgroup);
}

/** The least share that there is, and no limit. */
const unlimited: LinuxResources = {
  cpuShares: 2,
  cpuQuota: 0,
  cpuPeriodUs: 100_000,
  memoryLimitBytes: 0,
};

function largerOf(pod: Pod, before: Pod, hugePageSizes?: readonly number[]): LinuxResources {
  const [now, old] = [podCgroupResources(pod, hugePageSizes), podCgroupResources(before)];
  const larger = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : Math.max(a, b));
  return {
    ...now,
    cpuQuota: larger(now.cpuQuota, old.cpuQuota),
    memoryLimitBytes: larger(now.memoryLimitBytes, old.memoryLimitBytes),
  };
}

function monotonicMs(): number {
  return performance.now();
}
