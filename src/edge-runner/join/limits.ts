/** Limits of joining; each has a row in docs/limits.md. */

/** Largest answer of a provider to a join. */
export const maxResponseBytes = 64 * 1024;

/** From looking up names to the end of the TLS handshakes, shared by all addresses. */
export const connectTimeoutMs = 10_000;

/** What each address gets of that at least, however many there are. */
export const minConnectTimeoutMs = 3_000;

/** From the request to the end of its answer. */
export const responseTimeoutMs = 12_000;

/** Rounds over all addresses while the connection breaks before an answer. */
export const maxRounds = 3;

/** Pause between two rounds. */
export const roundPauseMs = 1_000;

/** No round begins later than this after the first. */
export const lastRoundAfterMs = 5_000;

/** Whoever waits longer than this is told for what. */
export const progressAfterMs = 2_000;

/** Certificates that are looked at in what a provider presents. */
export const maxChainLength = 8;

/** Largest file of a device's key that is given with --key-file or as a credential. */
export const maxKeyFileBytes = 8 * 1024;
