/** Limits of mirror pods; each has a row in docs/limits.md. */

/** Most mirror pods that are created or removed at once, over all sites. */
export const maxMirrorWrites = 4;

/** Writes of one site's mirror pods: so many at once, and then so many a second. */
export const mirrorBurst = 220;
export const mirrorWritesPerSecond = 1;

/** Events about static pods of one site that are not shown: so many at once, and then so many a second. */
export const mirrorEventBurst = 25;
export const mirrorEventsPerSecond = 1 / 300;

/** When a mirror pod that the cluster refused is tried again, in ms. */
export const refusedMirrorRetryMs = 5 * 60_000;

/** When it is looked again whether a write may be made or has been seen, in ms. */
export const mirrorRetryMs = 1_000;
