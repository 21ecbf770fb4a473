/** How often logs are looked at, as a kubelet's `containerLogMonitorInterval`. */
export const logCheckIntervalMs = 10_000;

/** How often what no pod owns is looked for, as a kubelet's container garbage collection. */
export const orphanIntervalMs = 60_000;

/** How often images are looked at, as a kubelet's. */
export const imageIntervalMs = 300_000;

/** An image that was first seen so shortly ago is kept: something may be about to use it (kubelet's). */
export const minImageAgeMs = 120_000;

/** A disk this full, in percent of its size, has images removed … (kubelet's). */
export const imageHighPercent = 85;

/** … until it is only so full. */
export const imageLowPercent = 80;

/** A log that is larger is rotated (kubelet's). */
export const maxLogBytes = 10 * 1024 * 1024;

/** Log files of a container, the current one included (kubelet's). */
export const maxLogFiles = 5;
