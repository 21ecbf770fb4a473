/** Limits of the provider's public listener; each has a row in docs/limits.md. */

/** Largest join request. */
export const maxJoinBodyBytes = 16 * 1024;

/** Longest join token, in characters. */
export const maxTokenLength = 256;

/** Joins tried for one site from one address: a burst, then a steady rate. */
export const joinBurstPerSite = 10;
export const joinsPerSecondPerSite = 1 / 6;

/** Joins tried altogether. */
export const joinBurst = 200;
export const joinsPerSecond = 50;

/** Sites and addresses whose rate is remembered. */
export const maxRememberedJoiners = 10_000;

/** From the TCP connection to the end of the TLS handshake. */
export const handshakeTimeoutMs = 10_000;

/** Until the head of a request is whole. */
export const headersTimeoutMs = 10_000;

/** Until a request is whole. */
export const requestTimeoutMs = 20_000;

/** A connection without a request is closed. */
export const keepAliveTimeoutMs = 5_000;

/** How often connections over their time are looked for. */
export const connectionsCheckMs = 2_000;

/** Time for the cluster to say whether a site may connect, or to redeem a token. */
export const decisionTimeoutMs = 10_000;
