/** Limits of pod volumes; each has a row in docs/limits.md. */

/** Longest path of a file inside a volume, in characters (kubelet: the same). */
export const maxVolumePathLength = 4096;

/** Longest that one mount or unmount may take. */
export const mountTimeoutMs = 30_000;

/** Most rounds of unmounting in which each must leave fewer mounts than the one before. */
export const maxUnmountRounds = 16;

/** Most termination-message files kept for one container; the oldest go first. */
export const maxTerminationLogs = 4;

/** Largest file that is taken for the token that a pod has mounted, in bytes. */
export const maxMountedTokenBytes = 64 * 1024;

/** Largest file that variables are read from, in bytes. */
export const maxEnvFileBytes = 64 * 1024;
