/** Limits and times of the kubelet API; each has a row in docs/limits.md. */

/** Longest time for a TLS handshake. */
export const handshakeTimeoutMs = 10_000;

/** Longest time until the headers of a request are whole. */
export const headersTimeoutMs = 15_000;

/** Longest time until a request is whole, its body included. */
export const requestTimeoutMs = 30_000;

/** How long an idle connection is kept, as a kubelet does. */
export const keepAliveMs = 90_000;

/**
 * Largest request line and headers, in bytes. A kubelet takes 1 MiB; what a site takes of a command
 * is `maxHeadBytes`, which escaping in a URL can make three times as long.
 */
export const maxRequestHeaderBytes = 256 * 1024;

/** Most connections to one node's port. */
export const maxConnectionsPerNode = 1_024;

/** Longest time for a site to say whether it does what was asked. */
export const replyTimeoutMs = 60_000;

/**
 * How long the site may be quiet once the client has ended its half of a relay. Short, for a client
 * that is gone looks the same, and neither SPDY nor WebSocket uses half-close.
 */
export const halfCloseIdleMs = 5_000;

/** How long a client may take nothing once the site has ended: what is on its way is still its own. */
export const drainIdleMs = 600_000;

/** How long a site may take to read the last bytes of a client that is gone. */
export const lingerMs = 30_000;

/** Longest text of a refusal that is passed on from a site, in characters. */
export const maxRefusalLength = 4_096;

/** How long the outcome of a TokenReview holds, as a kubelet's `cacheTTL`. */
export const tokenReviewTtlMs = 120_000;

/** How long a SubjectAccessReview holds, as a kubelet's `cacheAuthorizedTTL`. */
export const allowedTtlMs = 300_000;

/** How long the refusal of a SubjectAccessReview holds, as a kubelet's `cacheUnauthorizedTTL`. */
export const deniedTtlMs = 30_000;

/** Entries in each of the two caches of reviews. */
export const maxCachedReviews = 4_096;

/** Client certificates of which the user is remembered. */
export const maxKnownCertificates = 256;

/** Longest bearer token that is looked at, in characters. */
export const maxTokenLength = 16 * 1024;

/** How often the file with the client CA is read again. */
export const clientCaFileIntervalMs = 60_000;

/** Most bytes, unpacked, of what a site says of itself in one answer. */
export const maxStatsBytes = 32 * 1024 * 1024;

/** How long a command of `/run` or a checkpoint may take, in ms (a kubelet's time for an answer). */
export const actionTimeoutMs = 4 * 3_600_000;
