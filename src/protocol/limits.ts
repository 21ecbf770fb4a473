/** Limits on what one end accepts from the other; each has a row in docs/limits.md. */

/** Largest stream head or reply, in bytes. */
export const maxHeadBytes = 64 * 1024;

/** Largest message on a sync or report stream, in bytes: room for a 1 MiB object in base64 and its pod. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** Largest delta, over all its messages, in bytes. */
export const maxDeltaBytes = 64 * 1024 * 1024;

/** Most environment-independent command words of one exec. */
export const maxCommandWords = 4096;

/** Longest fact about a device, in characters: a version, a name, an amount. */
export const maxFactLength = 256;

/** Most resources, conditions and addresses of a device, each. */
export const maxFacts = 64;

/** Longest message of a condition of a device, in characters; the API's own bound. */
export const maxConditionMessageLength = 32 * 1024;

/** Most static pods of a device that are told of: a kubelet's `--max-pods`. */
export const maxToldStaticPods = 110;

/** Largest static pod that is told whole, in bytes of JSON: so many of them fit a message. */
export const maxStaticPodBytes = 32 * 1024;

/** Longest name of an object, and of a namespace, in characters; the API's own bound. */
export const maxNameLength = 253;

/** Most pods that a site says still end on it, though it doesn't hold them. */
export const maxEndingPods = 1_024;
