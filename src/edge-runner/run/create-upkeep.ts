import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import { EvictionManager } from '../eviction/eviction-manager.ts';
import { reclaimTimeoutMs } from '../eviction/limits.ts';
import { observeSignals } from '../eviction/observe-signals.ts';
import { ImageCollector } from '../garbage/image-collector.ts';
import { minImageAgeMs } from '../garbage/limits.ts';
import { LogRotator } from '../garbage/log-rotator.ts';
import { neededImages } from '../garbage/needed-images.ts';
import { readFilesystemUsage } from '../host/pressure.ts';
import type { NodeReporter } from '../node/node-reporter.ts';
import type { Clock } from '../pod/clock.ts';
import type { PodCgroupTree } from '../pod/pod-context.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import type { PulledImages } from '../pod/pulled-images.ts';
import { imageFilesystem, UsageCollector } from '../stats/usage-collector.ts';
import { DiskMeter } from '../stats/volume-usage.ts';
import { PodLayout } from '../volumes/pod-layout.ts';
import type { RunOptions } from './run-options.ts';

export interface UpkeepParts {
  options: Pick<RunOptions, 'stateDir' | 'memoryDir' | 'upkeep'>;
  cri: CriClient;
  pulled: PulledImages;
  pods: PodManager;
  node: Pick<NodeReporter, 'setPressure'>;
  cgroups: Pick<PodCgroupTree, 'usageOf' | 'swapOf'>;
  clock: Clock;
  log: Logger;
}

/** What measures the device and keeps it in order. */
export interface Upkeep {
  usage: UsageCollector;
  meter: DiskMeter;
  images: ImageCollector;
  logs: LogRotator;
  eviction: EvictionManager;
}

/** Constructs it; nothing is measured yet but where the runtime keeps images. */
export async function createUpkeep(parts: UpkeepParts): Promise<Upkeep> {
  const { options, cri, pulled, pods, node, cgroups, clock, log } = parts;
  const { stateDir, memoryDir, upkeep } = options;
  const nowMs = (): number => clock.monotonicMs();
  const imagePath = await readablePath((await imageFilesystem(cri))?.path, stateDir);
  const meter = new DiskMeter(new PodLayout({ rootDir: stateDir, memoryDir }), nowMs);
  const usage = new UsageCollector({
    ...{ cri, stateDir, pods: () => pods.list(), nowMs: () => clock.wallMs() },
    podCgroup: (pod) => cgroups.usageOf(pod),
    containerSwap: (pod, containerId) => cgroups.swapOf(pod, containerId),
  });
  const images = new ImageCollector({
    policy: { ...upkeep.images, minAgeMs: minImageAgeMs },
    neededNames: () => neededImages(pods.list()),
    disk: () => readFilesystemUsage(imagePath),
    ...{ cri, pulled, nowMs, log },
  });
  return {
    ...{ usage, meter, images },
    logs: new LogRotator({
      reopen: (containerId) => cri.reopenContainerLog({ containerId }),
      ...{ maxBytes: upkeep.logMaxBytes, maxFiles: upkeep.logMaxFiles },
      ...{ nowMs: () => clock.wallMs(), log },
    }),
    eviction: new EvictionManager({
      thresholds: [...upkeep.evictionHard, ...upkeep.evictionSoft],
      maxPodGraceSeconds: upkeep.evictionMaxPodGraceSeconds,
      transitionMs: upkeep.pressureTransitionMs,
      observe: () => observeSignals({ stateDir, imagePath }),
      pods: () => pods.list(),
      measure: (known) => usage.measure(known),
      reclaimDisk: async (signal) => {
        await discardEnded(pods.list(), signal);
        await images.removeUnused(signal);
      },
      onConditions: (conditions) => {
        node.setPressure(conditions);
      },
      ...{ meter, nowMs, log },
    }),
  };
}

/** Containers go before images, for they hold images. */
async function discardEnded(pods: readonly PodWorker[], signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(reclaimTimeoutMs)]);
  await Promise.all(pods.map((pod) => pod.discard(limit)));
}

/** Where the runtime says that its images are, unless that can't be examined from here. */
async function readablePath(path: string | undefined, otherwise: string): Promise<string> {
  if (path === undefined) return otherwise;
  return readFilesystemUsage(path).then(
    () => path,
    () => otherwise,
  );
}
