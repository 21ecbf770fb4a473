/** Limits of probes and hooks; each has a row in docs/limits.md. */

/** Most bytes of a command's output or of an HTTP body that are kept (kubelet: 10 KiB). */
export const maxProbeOutputBytes = 10 * 1024;

/** Most bytes of the headers of an HTTP answer. */
export const maxResponseHeaderBytes = 64 * 1024;

/** Most redirects that an HTTP probe follows on its own host (kubelet: 10). */
export const maxRedirects = 10;

/** The longest answer taken from a gRPC health service; an honest one has two bytes. */
export const maxHealthResponseBytes = 4096;

/** How often a probe is tried that could not be carried out at all (kubelet: 3). */
export const maxProbeTries = 3;

/** The shortest time that a container has between SIGTERM and SIGKILL (kubelet: 2 s). */
export const minStopGraceSeconds = 2;
