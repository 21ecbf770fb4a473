import { KubeRuleError } from './kube-rule-error.ts';

/**
 * Milliseconds of a Go duration such as `1h30m`, `1.5s`, `-250ms` or `0`.
 * @throws KubeRuleError `INVALID_DURATION`
 * Source: Go's time.ParseDuration.
 */
export function parseDuration(text: string): number {
  const [, sign = '', body = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (body === '0') return 0;
  if (!/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) {
    throw new KubeRuleError(
      'INVALID_DURATION',
      `${JSON.stringify(text)} is not a duration: write numbers with units h, m, s, ms, us or ns, as in 1h30m`,
    );
  }
  let totalMs = 0;
  for (const [, number = '', unit = ''] of body.matchAll(/([0-9.]+)([a-zµμ]+)/g)) {
    totalMs += Number(number) * (unitMs[unit] ?? 0);
  }
  if (totalMs > maxDurationMs) {
    throw new KubeRuleError(
      'INVALID_DURATION',
      `${JSON.stringify(text)} is longer than the 292 years that a duration can have`,
    );
  }
  return sign === '-' ? -totalMs : totalMs;
}

/** Go keeps nanoseconds in an int64. */
const maxDurationMs = 2 ** 63 / 1e6;

/** A duration as Go prints one, for messages: `2m40s`, `1h30m0s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(durationMs: number): string {
  const sign = durationMs < 0 ? '-' : '';
  const ms = Math.abs(durationMs);
  if (ms === 0) return '0s';
  if (ms < 1000) return `${sign}${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

const unitMs: Partial<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
