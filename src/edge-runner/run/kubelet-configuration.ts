import { formatDuration } from '../../kube/duration.ts';
import { formatBytes } from '../../kube/quantity.ts';
import { formatAmount, type Threshold } from '../eviction/thresholds.ts';
import { minImageAgeMs } from '../garbage/limits.ts';
import type { RunOptions } from './run-options.ts';

/**
 * The runner's settings in the words of a kubelet's configuration, as `/configz` shows them.
 * Source: kubelet.config.k8s.io/v1beta1, KubeletConfiguration.
 */
export function kubeletConfiguration(options: RunOptions): object {
  const { upkeep } = options;
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    containerRuntimeEndpoint: `unix://${options.containerdSocket}`,
    cgroupRoot: options.cgroupRoot,
    podLogsDir: options.logRoot,
    containerLogMaxSize: formatBytes(upkeep.logMaxBytes),
    containerLogMaxFiles: upkeep.logMaxFiles,
    serializeImagePulls: upkeep.images.maxParallelPulls === 1,
    maxParallelImagePulls: upkeep.images.maxParallelPulls,
    imagePullCredentialsVerificationPolicy: 'NeverVerifyPreloadedImages',
    imageGCHighThresholdPercent: upkeep.images.highPercent,
    imageGCLowThresholdPercent: upkeep.images.lowPercent,
    imageMinimumGCAge: formatDuration(minImageAgeMs),
    evictionHard: bySignal(upkeep.evictionHard, limitText),
    evictionSoft: bySignal(upkeep.evictionSoft, limitText),
    evictionSoftGracePeriod: bySignal(upkeep.evictionSoft, ({ graceMs = 0 }) => {
      return formatDuration(graceMs);
    }),
    evictionMinimumReclaim: bySignal(
      [...upkeep.evictionHard, ...upkeep.evictionSoft],
      ({ minReclaim }) => minReclaim && formatAmount(minReclaim, formatBytes),
    ),
    evictionMaxPodGracePeriod: upkeep.evictionMaxPodGraceSeconds ?? -1,
    evictionPressureTransitionPeriod: formatDuration(upkeep.pressureTransitionMs),
    systemReserved: upkeep.systemReserved,
    ...(options.staticPodDir === undefined ? {} : { staticPodPath: options.staticPodDir }),
    enableServer: true,
    enableSystemLogHandler: true,
    enableDebuggingHandlers: true,
  };
}

function limitText({ limit }: Threshold): string {
  return formatAmount(limit, formatBytes);
}

function bySignal(
  thresholds: readonly Threshold[],
  text: (threshold: Threshold) => string | undefined,
): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const threshold of thresholds) {
    const value = text(threshold);
    if (value !== undefined) texts[threshold.signal] = value;
  }
  return texts;
}
