/** Delays of a kubelet: 10 s doubling to 5 min, forgotten after 10 min without another failure. */
export interface BackOffRule {
  initialMs: number;
  maxMs: number;
  resetAfterMs: number;
}

export const kubeletBackOff: BackOffRule = {
  initialMs: 10_000,
  maxMs: 300_000,
  resetAfterMs: 600_000,
};

/** State of one back-off; absent before the first failure. */
export interface BackOff {
  delayMs: number;
  updatedAtMs: number;
}

/**
 * How long to wait after a failure at `sinceMs` before the next try: 0 when at once
 * (client-go `IsInBackOffSince`).
 */
export function backOffRemainingMs(
  backOff: BackOff | undefined,
  sinceMs: number,
  nowMs: number,
  rule: BackOffRule = kubeletBackOff,
): number {
  if (backOff === undefined || isExpired(backOff, sinceMs, rule)) return 0;
  return Math.max(0, sinceMs + backOff.delayMs - nowMs);
}

/** The back-off after one more try at `nowMs`, made because of a failure at `sinceMs` (client-go `Next`). */
export function nextBackOff(
  backOff: BackOff | undefined,
  sinceMs: number,
  nowMs: number,
  rule: BackOffRule = kubeletBackOff,
): BackOff {
  const fresh = backOff === undefined || isExpired(backOff, sinceMs, rule);
  const delayMs = fresh ? rule.initialMs : Math.min(backOff.delayMs * 2, rule.maxMs);
  return { delayMs, updatedAtMs: nowMs };
}

function isExpired(backOff: BackOff, sinceMs: number, rule: BackOffRule): boolean {
  return sinceMs - backOff.updatedAtMs > rule.resetAfterMs;
}
