/** How much of a log file is read at once, forwards or backwards. */
export const readChunkBytes = 64 * 1024;

/** The longest `<time> <stream> <tags> ` that is taken for the head of a log line. */
export const maxLineHeadBytes = 128;
