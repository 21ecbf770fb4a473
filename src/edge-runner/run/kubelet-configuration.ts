import { formatDuration } from '../../kube/duration.ts';
import { formatBytes } from '../../kube/quantity.ts';
import { formatLimit } from '../eviction/thresholds.ts';
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
    evictionHard: Object.fromEntries(
      upkeep.evictionHard.map((each) => [each.signal, formatLimit(each, formatBytes)]),
    ),
    evictionPressureTransitionPeriod: formatDuration(upkeep.pressureTransitionMs),
    systemReserved: upkeep.systemReserved,
    ...(options.staticPodDir === undefined ? {} : { staticPodPath: options.staticPodDir }),
    enableServer: true,
    enableSystemLogHandler: true,
    enableDebuggingHandlers: true,
  };
}
