/** Limits of the provider's own metrics; each has a row in docs/limits.md. */

/** Most connections to their port; with one more, the address that has most of them loses one. */
export const maxMetricsConnections = 32;

/** From the connection to the whole of a request, in ms. */
export const metricsRequestTimeoutMs = 10_000;

/** How often connections over their time are looked for, in ms. */
export const metricsConnectionsCheckMs = 2_000;
