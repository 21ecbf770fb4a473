/** How long systemd may take to hear a notice. */
export const notifyTimeoutMs = 10_000;
