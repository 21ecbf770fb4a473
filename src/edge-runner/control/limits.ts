/** Limits of the control socket; each has a row in docs/limits.md. */

/** Most bytes of the body of a request. */
export const maxRequestBytes = 262_144;

/** Most bytes of an answer that a command collects before it prints; a log isn't collected. */
export const maxAnswerBytes = 67_108_864;

/** How long a command waits for the runner to begin its answer. */
export const answerTimeoutMs = 10_000;

/** How long the container runtime may take to take up a command's streams. */
export const execConnectTimeoutMs = 10_000;
