/** How long systemd may take to hear a notice. */
export const notifyTimeoutMs = 10_000;

/** How soon the log says again that the device cannot connect, for the same reason. */
export const sameFailureIntervalMs = 600_000;
