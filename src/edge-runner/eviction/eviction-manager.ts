import type { Logger } from 'pino';
import type { Pod } from '../../kube/api.ts';
import { isCritical } from '../../kube/priority.ts';
import type { NodeReport } from '../../protocol/report.ts';
import { liveContainers } from '../pod/observed.ts';
import type { PodRejection } from '../pod/pod-status.ts';
import type { KnownPod, PodUsage } from '../stats/usage.ts';
import type { DiskMeter } from '../stats/volume-usage.ts';
import { admissionUnderPressure } from './admission.ts';
import { evictionMessage } from './eviction-messages.ts';
import { evictionGraceSeconds, evictionWaitMs } from './limits.ts';
import { exceededLimit, hasStorageLimit } from './local-storage.ts';
import { measureConsumption, measureStorage } from './measure-pods.ts';
import type { Observations } from './observe-signals.ts';
import type { StarvedResource } from './pod-consumption.ts';
import {
  crossedThresholds,
  dueThresholds,
  nextCrossedSince,
  nextPressure,
  pressureConditions,
  pressureOf,
  type CrossedSince,
  type CrossedThreshold,
  type PressureState,
} from './pressure.ts';
import { rankPods } from './rank-pods.ts';
import type { Signal, Threshold } from './thresholds.ts';

/** A pod that can be made to give way. */
export interface EvictablePod extends KnownPod {
  /** It is being brought up or runs, and nobody has asked for its end yet. */
  readonly isActive: boolean;
  evict(rejection: PodRejection): void;
}

export interface EvictionManagerOptions {
  thresholds: readonly Threshold[];
  /** The longest grace of a pod that goes for a soft threshold; its own when undefined. */
  maxPodGraceSeconds: number | undefined;
  transitionMs: number;
  observe: () => Promise<Observations>;
  pods: () => readonly EvictablePod[];
  measure: (pods: readonly KnownPod[]) => Promise<{ pods: readonly PodUsage[] }>;
  meter: DiskMeter;
  /** Frees what can be freed on disks without ending a pod. */
  reclaimDisk: (signal: AbortSignal) => Promise<unknown>;
  /** Takes the Node's conditions whenever they were looked at. */
  onConditions: (conditions: NodeReport['conditions']) => void;
  /** A clock that never goes back. */
  nowMs: () => number;
  log: Pick<Logger, 'warn'>;
}

/** Keeps the device from running out of memory, disk and processes, at the cost of pods, as a kubelet does. */
export class EvictionManager {
  readonly #options: EvictionManagerOptions;
  readonly #counts = new Map<string, number>();
  #state: PressureState = new Map();
  #since: CrossedSince = new Map();
  #last: { pod: EvictablePod; atMs: number } | undefined;

  constructor(options: EvictionManagerOptions) {
    this.#options = options;
  }

  /** Evictions since the start, by the signal that asked for them. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Why a new pod can't come now, if it can't. */
  admission(pod: Pod): PodRejection | undefined {
    return admissionUnderPressure(pod, this.#state);
  }

  /**
   * Looks at the device and says how it is. Returns for what a pod must go now; a soft threshold means
   * pressure before that. @throws HostError
   */
  async look(): Promise<CrossedThreshold[]> {
    const { observe, thresholds, transitionMs, onConditions } = this.#options;
    const crossed = crossedThresholds(thresholds, await observe(), this.#since);
    const nowMs = this.#options.nowMs();
    this.#since = nextCrossedSince(this.#since, crossed, nowMs);
    this.#state = nextPressure(this.#state, crossed, { nowMs, transitionMs });
    onConditions(pressureConditions(this.#state));
    return dueThresholds(crossed, this.#since, nowMs);
  }

  /** Looks, and where something runs out frees it: first without ending a pod, then one pod. @throws HostError, CriError */
  async relieve(signal: AbortSignal): Promise<void> {
    const [first] = await this.look();
    if (first === undefined || this.#isStillEnding()) return;
    if (pressureOf(first.threshold.signal) === 'DiskPressure') {
      await this.#options.reclaimDisk(signal);
      const [again] = await this.look();
      if (again !== undefined) await this.#evictFor(again, signal);
    } else {
      await this.#evictFor(first, signal);
    }
  }

  /**
   * Evicts pods that exceed their own limits on local storage, but no critical ones; it is nobody's
   * disruption but their own. @throws CriError, HostError
   */
  async enforceLimits(signal: AbortSignal): Promise<void> {
    const limited = this.#active().filter(({ pod }) => hasStorageLimit(pod) && !isCritical(pod));
    if (limited.length === 0) return;
    const { pods } = await this.#options.measure(limited);
    for (const usage of pods) {
      const storage = await measureStorage(usage, this.#options.meter, signal);
      const message = exceededLimit(usage.pod, storage);
      const victim = limited.find(({ pod }) => pod.metadata.uid === usage.pod.metadata.uid);
      if (message === undefined || victim === undefined) continue;
      const rejection = { message, graceSeconds: evictionGraceSeconds };
      this.#evict(victim, 'ephemeral-storage.limit', rejection);
    }
  }

  async #evictFor(crossed: CrossedThreshold, signal: AbortSignal): Promise<void> {
    const { measure, meter, log } = this.#options;
    const resource = resources[crossed.threshold.signal];
    const active = this.#active();
    const onDisk = resource === 'ephemeral-storage' || resource === 'inodes';
    const consumptions = [];
    for (const usage of (await measure(active)).pods) {
      consumptions.push(await measureConsumption(usage, onDisk ? { meter, signal } : undefined));
    }
    const [worst] = rankPods(consumptions, resource);
    const victim = active.find(({ pod }) => pod.metadata.uid === worst?.pod.metadata.uid);
    if (worst === undefined || victim === undefined) {
      log.warn(
        { signal: crossed.threshold.signal },
        'the device runs out, and no pod can be evicted',
      );
      return;
    }
    const { graceMs, signal: why } = crossed.threshold;
    const grace = graceMs === undefined ? evictionGraceSeconds : this.#options.maxPodGraceSeconds;
    const message = evictionMessage(crossed, worst, resource);
    this.#evict(victim, why, {
      ...{ message, disruption: 'TerminationByKubelet' },
      ...(grace === undefined ? {} : { graceSeconds: grace }),
    });
  }

  #evict(victim: EvictablePod, why: string, rejection: Omit<PodRejection, 'reason'>): void {
    const { name, namespace } = victim.pod.metadata;
    this.#options.log.warn({ pod: name, namespace, why }, 'a pod is evicted');
    this.#counts.set(why, (this.#counts.get(why) ?? 0) + 1);
    this.#last = { pod: victim, atMs: this.#options.nowMs() };
    victim.evict({ reason: 'Evicted', ...rejection });
  }

  #active(): EvictablePod[] {
    return this.#options.pods().filter(({ isActive }) => isActive);
  }

  /** What the last evicted pod held is not free yet. */
  #isStillEnding(): boolean {
    if (this.#last === undefined) return false;
    const { pod, atMs } = this.#last;
    const isEnding = liveContainers(pod.observed).length > 0;
    return isEnding && this.#options.nowMs() - atMs < evictionWaitMs;
  }
}

const resources: Readonly<Record<Signal, StarvedResource>> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
  'imagefs.inodesFree': 'inodes',
  'pid.available': 'pids',
};
