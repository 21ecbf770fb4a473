/** Limits of relayed streams; each has a row in docs/limits.md. */

/**
 * How long the client may take to read what is left and to close its side after the runtime has closed
 * the connection, in ms.
 */
export const lingerMs = 600_000;

/** How long nothing may have come from the runtime until all that it sent counts as read, in ms. */
export const quietMs = 100;

/** How long a ping may wait for that, in ms; who sent it gives up after a minute without an answer. */
export const maxPingHoldMs = 20_000;

/** Most pings of a stream that wait at a time. */
export const maxHeldPings = 16;

/** Most checkpoints of containers that are kept, and most bytes of them together; the newest always is. */
export const maxCheckpoints = 4;
export const maxCheckpointBytes = 1024 * 1024 * 1024;

/**
 * Most commands of `/run` that are under way, or whose answer isn't with the client yet: of each the
 * runtime and then the runner keep up to 16 MiB of output in memory.
 */
export const maxRuns = 4;

/** Most bytes of the standard error of a command that failed which are told. */
export const maxFailureBytes = 4096;
