/** What a device must have at least; each has a row in docs/limits.md. */

/** Less memory leaves no room for a pod beside containerd and the runner. */
export const minMemoryBytes = 256 * 1024 * 1024;

/** With less memory only a few small pods fit. */
export const comfortableMemoryBytes = 512 * 1024 * 1024;

/** Less free space doesn't hold the store and one small image. */
export const minFreeBytes = 256 * 1024 * 1024;

/** With less free space the node is soon under disk pressure. */
export const comfortableFreeBytes = 2048 * 1024 * 1024;

/** Fewer free inodes don't hold a small image. */
export const minFreeInodes = 10_000;
