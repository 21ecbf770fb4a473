/** Most lines of the runner's log that are looked through. */
export const maxLogLines = 2_000;

/** Most bytes of them. */
export const maxLogBytes = 8 * 1024 * 1024;

/** Most warnings and errors that a report shows. */
export const maxShownLines = 40;
