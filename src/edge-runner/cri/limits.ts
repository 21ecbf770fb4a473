/** The longest gRPC message taken from the runtime; containerd itself sends at most 16 MiB. */
export const maxMessageBytes = 16 * 1024 * 1024;

/** How many decoded messages of a server stream may wait for their reader before the stream is paused. */
export const maxQueuedMessages = 256;

/** The longest text of the runtime that is kept in an error; beyond it the text is cut. */
export const maxErrorTextCharacters = 8192;
