/** How long containerd may take to see a CNI configuration before the runner goes on without. */
export const networkReadyTimeoutMs = 5_000;

/** How long a name may take to be looked up before a range of pods is judged without it. */
export const lookupTimeoutMs = 2_000;

/** How much more than its bandwidth a pod may send or receive at once, as the time that it takes. */
export const bandwidthBurstMs = 100;

/** A burst is never smaller, in bytes: a packet must fit. */
export const minBandwidthBurstBytes = 16_384;

/** How long a packet over the bandwidth may wait before it is dropped (the CNI plugin: 25 ms). */
export const bandwidthDelayMs = 25;
