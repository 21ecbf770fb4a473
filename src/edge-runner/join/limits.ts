/** Limits of joining; each has a row in docs/limits.md. */

/** Largest answer of a provider to a join. */
export const maxResponseBytes = 64 * 1024;

/** From the first packet to the end of the TLS handshake. */
export const connectTimeoutMs = 15_000;

/** From the request to the end of its answer. */
export const responseTimeoutMs = 30_000;

/** Rounds over all addresses while the connection breaks before an answer. */
export const maxRounds = 3;

/** Pause between two rounds. */
export const roundPauseMs = 1_000;

/** Certificates that are looked at in what a provider presents. */
export const maxChainLength = 8;
