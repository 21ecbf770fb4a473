/** Time as the pod engine needs it. */
export interface Clock {
  /** Milliseconds since 1970, for what people and the cloud read. It may jump by a year either way. */
  wallMs(): number;
  /** Milliseconds since some moment in the past. It never jumps: for delays and back-off. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: Date.now,
  monotonicMs: () => performance.now(),
};
