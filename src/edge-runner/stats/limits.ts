/** Pods whose stats the runtime is asked for at the same time. */
export const maxStatsCalls = 8;

/** How long the runtime may take over the stats of one pod. */
export const podStatsTimeoutMs = 10_000;

/** For how long the measured size of a volume counts, as a kubelet's. */
export const volumeUsageMaxAgeMs = 60_000;

/** How long measuring one pod's volumes for a summary may take. */
export const volumeUsageTimeoutMs = 20_000;

/** How long containerd may take over its own metrics. */
export const containerdMetricsTimeoutMs = 5_000;

/** Most bytes of containerd's metrics that are passed on. */
export const maxContainerdMetricsBytes = 4 * 1024 * 1024;
