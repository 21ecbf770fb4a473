/** Limits of the runner; each has a row in docs/limits.md. */

/** Most events that are remembered to count repeats on, and most pods whose rate is remembered. */
export const maxRememberedEvents = 500;

/** Repeats within this time are counted on the first event, in ms (client-go: 10 minutes). */
export const foldEventsWithinMs = 600_000;

/** Most events of one pod at once, repeats included, and then so many a second (client-go's spam filter). */
export const maxEventBurst = 25;
export const eventsPerSecondPerPod = 1 / 300;

/** Most bytes of a container's termination message (kubelet: 4096). */
export const maxTerminationMessageBytes = 4096;

/** Most bytes of log used as a termination message (kubelet: 2048 bytes or 80 lines). */
export const maxTerminationLogBytes = 2048;
export const maxTerminationLogLines = 80;

/** Most bytes of the termination messages of a pod's containers together (kubelet: 12 KiB). */
export const maxPodTerminationMessageBytes = 12 * 1024;

/** Most image pulls at a time on a device; default of an option. */
export const maxParallelPulls = 2;

/** Most Secrets of one repository that are remembered to have pulled an image (kubelet: 100). */
export const maxPullSecrets = 100;

/** How many sandboxes are made at a time: at least the first, and the second for each CPU. */
export const minParallelStarts = 4;
export const startsPerCpu = 2;

/** How long a pod that begins may keep the others waiting, in ms. */
export const startTurnMs = 5_000;

/** How long pods that come together wait for each other, to begin in the order of their priority, in ms. */
export const startGatherMs = 250;

/** How long the cgroup of a QoS class counts as what it was set to, in ms (kubelet: a minute). */
export const classCgroupAgeMs = 60_000;

/** How long a program of the device (systemctl, ip, tc) may take, in ms. */
export const hostProgramLimitMs = 30_000;

/**
 * How long a runner that drains waits for what its runtime kills when the grace is over, in ms: the 2 s
 * that a container has at least, and the kill itself.
 */
export const killMarginMs = 3_000;

/** How many user and group ids a pod with users of its own has (kubelet's default). */
export const idsPerPod = 65_536;
