/** Limits of the provider's own metrics; each has a row in docs/limits.md. */

/** Most connections to their port. */
export const maxMetricsConnections = 32;

/** From the connection to the whole of a request, in ms. */
export const metricsRequestTimeoutMs = 10_000;
