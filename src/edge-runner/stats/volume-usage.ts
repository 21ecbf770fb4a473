import { dirname } from 'node:path';
import type { Pod, Volume } from '../../kube/api.ts';
import { measureDiskUsage, type DiskUsage } from '../host/disk-usage.ts';
import { volumeKind, type PodLayout } from '../volumes/pod-layout.ts';
import { volumeUsageMaxAgeMs } from './limits.ts';

/** A volume that takes from the node's ephemeral storage, or from its memory. */
export interface VolumeUsage extends DiskUsage {
  readonly volume: Volume;
  readonly path: string;
  readonly inMemory: boolean;
}

interface Measurement {
  readonly atMs: number;
  readonly usage: Promise<DiskUsage>;
}

/** Measures pods' own volumes and logs, each at most once a minute, as a kubelet does. */
export class DiskMeter {
  readonly #layout: Pick<PodLayout, 'volumeDir'>;
  readonly #nowMs: () => number;
  readonly #measured = new Map<string, Measurement>();

  constructor(layout: Pick<PodLayout, 'volumeDir'>, nowMs: () => number) {
    this.#layout = layout;
    this.#nowMs = nowMs;
  }

  /** The volumes of a pod that live and die with it. Rejects with the signal's reason. */
  async volumes(pod: Pod, signal: AbortSignal, maxAgeMs?: number): Promise<VolumeUsage[]> {
    const usages: VolumeUsage[] = [];
    for (const volume of pod.spec.volumes ?? []) {
      if (volumeKind(volume) !== 'emptyDir') continue;
      const path = this.#layout.volumeDir(pod, volume);
      const usage = await this.measure(path, signal, maxAgeMs);
      usages.push({ ...usage, volume, path, inMemory: volume.emptyDir?.medium === 'Memory' });
    }
    return usages;
  }

  /** The log files of a container, rotated ones included. Rejects with the signal's reason. */
  logs(logPath: string, signal: AbortSignal, maxAgeMs?: number): Promise<DiskUsage> {
    return this.measure(dirname(logPath), signal, maxAgeMs);
  }

  /** Rejects with the signal's reason. */
  async measure(
    path: string,
    signal: AbortSignal,
    maxAgeMs: number = volumeUsageMaxAgeMs,
  ): Promise<DiskUsage> {
    const nowMs = this.#nowMs();
    for (const [known, { atMs }] of this.#measured) {
      if (nowMs - atMs > volumeUsageMaxAgeMs) this.#measured.delete(known);
    }
    const before = this.#measured.get(path);
    if (before !== undefined && nowMs - before.atMs <= maxAgeMs) return before.usage;
    const usage = measureDiskUsage(path, signal);
    this.#measured.set(path, { atMs: nowMs, usage });
    try {
      return await usage;
    } catch (error) {
      this.#measured.delete(path);
      throw error;
    }
  }
}
