/** Limits of towlinectl; each has a row in docs/limits.md. */

/** From a request to the end of its answer. */
export const requestTimeoutMs = 10_000;

/** Whoever waits longer than this at a terminal is told for what. */
export const progressAfterMs = 2_000;
