/** How long containerd may take to see a CNI configuration before the runner goes on without. */
export const networkReadyTimeoutMs = 5_000;
