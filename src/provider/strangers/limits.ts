/** Limits of connections whose client hasn't shown yet who it is; each has a row in docs/limits.md. */

/** Most of them at a listener: the public one, or the kubelet ports of all nodes together. */
export const maxStrangers = 2_048;

/** Most of them at the kubelet port of one node. */
export const maxStrangersPerNode = 512;

/** How long a stranger is borne, in ms, while there are as many as there may be. */
export const strangerPatienceMs = 3_000;

/** How often the log says at most that strangers had to go. */
export const strangerReportMs = 60_000;
