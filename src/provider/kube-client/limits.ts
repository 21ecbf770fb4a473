/** Limits and times of the Kubernetes client; each has a row in docs/limits.md. */

/** Connections kept for requests; watches have connections of their own besides. */
export const maxRequestConnections = 64;

/** Largest response body that is read into memory, in bytes: one page of a list. */
export const maxResponseBytes = 256 * 1024 * 1024;

/** Longest line of a watch, in bytes: etcd's 1.5 MiB object limit, escaped in JSON, with room. */
export const maxWatchLineBytes = 16 * 1024 * 1024;

/** Objects per page of a list, as client-go asks for. */
export const listPageSize = 500;

/** Longest time to connect to the API server. */
export const connectTimeoutMs = 10_000;

/** Longest time until the first byte of a response, and between two parts of its body. */
export const responseTimeoutMs = 30_000;

/** How long an idle connection is kept, well below the 90 s after which a Go server closes it. */
export const keepAliveMs = 30_000;

/** When TCP begins to probe a quiet connection; one that is black-holed dies ten seconds later. */
export const tcpKeepAliveDelayMs = 15_000;

/** How long credentials are used before their files and plugins are asked again. */
export const credentialsMaxAgeMs = 10_000;

/** Tries of an idempotent request, the first one included. */
export const maxAttempts = 4;

/** Longest `Retry-After` that a request waits for; a longer one is the caller's to honour. */
export const maxRetryAfterMs = 30_000;

/** Bounds of the full-jitter back-off between tries of a request. */
export const retryBackOff = { baseMs: 200, capMs: 5_000 } as const;

/** Bounds of the full-jitter back-off of an informer whose server answers and says no. */
export const informerBackOff = { baseMs: 500, capMs: 30_000 } as const;

/** Bounds of the full-jitter back-off of whoever finds no server: one that is back is to be found soon. */
export const unreachableBackOff = { baseMs: 500, capMs: 4_000 } as const;

/** Shortest and longest time after which the server is asked to end a watch, as client-go does. */
export const watchTimeoutSeconds = { min: 300, max: 600 } as const;

/** How long past its own end a watch may live. */
export const watchGraceMs = 15_000;

/** Longest silence of a watch that has brought a bookmark: those come every minute. */
export const bookmarkSilenceMs = 150_000;

/** A watch that ends sooner counts as failed, so that it is not begun again at once. */
export const minWatchMs = 1_000;

/** Failed watches in a row after which an informer lists again. */
export const maxWatchFailures = 5;
