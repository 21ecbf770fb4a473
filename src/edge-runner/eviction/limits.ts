/** How often the device is looked at, as a kubelet's monitoring interval. */
export const pressureIntervalMs = 10_000;

/** How often pods with limits on local storage are measured. */
export const storageIntervalMs = 30_000;

/** How long pressure is reported after it was last seen (kubelet's `evictionPressureTransitionPeriod`). */
export const pressureTransitionMs = 300_000;

/** The grace of an evicted pod (kubelet's). */
export const evictionGraceSeconds = 1;

/** How long an evicted pod may take to end before the next one is evicted (kubelet's). */
export const evictionWaitMs = 30_000;

/** The most that can be given as the longest grace of a pod that goes for a soft threshold. */
export const maxPodGraceLimitSeconds = 86_400;

/** How long it is waited for ended pods to give up their containers before a pod is evicted instead. */
export const reclaimTimeoutMs = 30_000;
