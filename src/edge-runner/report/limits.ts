/** Limits of what a site has to tell; each has a row in docs/limits.md. */

/** Most unsent events that are kept while there is no link; the oldest go first. */
export const maxStoredEvents = 1000;

/**
 * How long the store may lag behind what was published, in ms: changes that come together cost one
 * write. What must be kept doesn't wait.
 */
export const writeDelayMs = 50;

/** How soon a write that failed, on a full disk for example, is tried again, in ms. */
export const writeRetryMs = 10_000;

/**
 * How long what nobody waits for is held back, to go together with what comes next, in ms: since the
 * last thing that somebody did wait for, and at most the second since the first that is held back.
 */
export const lazyDelayMs = 1000;
export const maxLazyDelayMs = 3000;

/** Most report messages on their way to the provider at a time. */
export const maxReportsInFlight = 8;

/** Most pods, and most events, in one message. */
export const podsPerMessage = 50;
export const eventsPerMessage = 100;

/** How long the provider may take to answer a request for a token, in ms. */
export const tokenTimeoutMs = 30_000;
