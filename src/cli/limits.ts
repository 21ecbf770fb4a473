/** Limits of towlinectl; each has a row in docs/limits.md. */

/** From a request to the end of its answer. */
export const requestTimeoutMs = 10_000;

/** Whoever waits longer than this at a terminal is told for what. */
export const progressAfterMs = 2_000;

/** How long the provider may take to do what it is asked for the CA. */
export const caWaitTimeoutMs = 30_000;

/** How often it is looked whether it has. */
export const caWaitPollMs = 500;

/** Sites that a refusal names. */
export const maxListedSites = 5;
