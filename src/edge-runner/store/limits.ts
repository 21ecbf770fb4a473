/** Limits of the store; each has a row in docs/limits.md. */

/** Most files of a damaged store that are kept. */
export const maxSetAsideStores = 2;

/** Size that the write-ahead log is cut back to once it was larger, in bytes. */
export const maxKeptLogBytes = 4 * 1024 * 1024;

/** Between tries to write a store that could not be written, in ms: the first delay, doubled up to the other. */
export const minReopenDelayMs = 1_000;
export const maxReopenDelayMs = 10_000;
