import { LogError } from './log-error.ts';
import { parseLogTime, type LogTime } from './log-time.ts';

export type LogStream = 'all' | 'stdout' | 'stderr';

/** The options of the Kubernetes API's PodLogOptions that concern reading. */
export interface ContainerLogOptions {
  /** Only so many lines from the end; 0 gives none that exist yet. */
  readonly tailLines?: number | undefined;
  /** At least 1; not together with sinceTime. */
  readonly sinceSeconds?: number | undefined;
  /** RFC 3339; not together with sinceSeconds. */
  readonly sinceTime?: string | undefined;
  /** Puts the time, RFC 3339 with nine decimals, and a space before every line. */
  readonly timestamps?: boolean | undefined;
  /** At least 1; the output ends there, in the middle of a line if need be. */
  readonly limitBytes?: number | undefined;
  readonly follow?: boolean | undefined;
  readonly stream?: LogStream | undefined;
}

/** Options that were checked, with one way to say since when. */
export interface LogQuery {
  readonly tailLines: number | undefined;
  readonly since: LogTime | undefined;
  readonly timestamps: boolean;
  readonly limitBytes: number;
  readonly follow: boolean;
  readonly stream: LogStream;
}

/** Checks options as the API server does. Throws LogError `LOG_BAD_OPTION`. */
export function parseLogOptions(options: ContainerLogOptions, nowMs: number): LogQuery {
  requireInteger('tailLines', options.tailLines, 0);
  requireInteger('sinceSeconds', options.sinceSeconds, 1);
  requireInteger('limitBytes', options.limitBytes, 1);
  return {
    tailLines: options.tailLines,
    since: since(options, nowMs),
    timestamps: options.timestamps ?? false,
    limitBytes: options.limitBytes ?? Infinity,
    follow: options.follow ?? false,
    stream: options.stream ?? 'all',
  };
}

function requireInteger(name: string, value: number | undefined, min: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min)) return;
  throw new LogError('LOG_BAD_OPTION', `${name} must be a whole number from ${min}, not ${value}`);
}

function since(options: ContainerLogOptions, nowMs: number): LogTime | undefined {
  const { sinceSeconds, sinceTime } = options;
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    throw new LogError('LOG_BAD_OPTION', 'only one of sinceSeconds and sinceTime can be given');
  }
  if (sinceSeconds !== undefined) {
    const ms = nowMs - sinceSeconds * 1000;
    return { seconds: Math.floor(ms / 1000), nanos: (((ms % 1000) + 1000) % 1000) * 1_000_000 };
  }
  if (sinceTime === undefined) return undefined;
  const time = parseLogTime(sinceTime);
  if (time !== undefined) return time;
  throw new LogError('LOG_BAD_OPTION', `sinceTime must be an RFC 3339 time, not ${sinceTime}`);
}
