import type { LogsHead } from '../../protocol/stream-head.ts';
import { KubeletApiError } from './kubelet-api-error.ts';

export type LogOptions = Omit<LogsHead, 'type' | 'namespace' | 'pod' | 'container'>;

/**
 * The options of a log from a query, read and checked as a kubelet does (`PodLogOptions`).
 * @throws KubeletApiError `PARAMETER_INVALID` for a value that cannot be read,
 * `PARAMETER_UNPROCESSABLE` for one out of range or two that exclude each other.
 */
export function parseLogOptions(query: URLSearchParams): LogOptions {
  const tail = query.get('tail');
  const tailLines = integer(tail !== null && tail !== '' ? tail : query.get('tailLines'));
  const sinceSeconds = integer(query.get('sinceSeconds'));
  const sinceTime = time(query.get('sinceTime'));
  const limitBytes = integer(query.get('limitBytes'));
  const stream = query.get('stream') ?? 'All';
  const inRange =
    (tailLines ?? 0) >= 0 &&
    (limitBytes ?? 1) >= 1 &&
    (sinceSeconds ?? 1) >= 1 &&
    !(sinceSeconds !== undefined && sinceTime !== undefined);
  if (!inRange)
    throw new KubeletApiError('PARAMETER_UNPROCESSABLE', '{"message": "Invalid request."}');
  if (stream !== 'All') {
    throw new KubeletApiError(
      'PARAMETER_INVALID',
      `unable to return the given log stream: ${JSON.stringify(stream)}. Only "All" is supported`,
    );
  }
  return {
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}

/** Kubernetes' own reading of a boolean parameter: present means true, but for `false` and `0`. */
function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)?.toLowerCase();
  return value !== undefined && value !== 'false' && value !== '0';
}

function integer(value: string | null): number | undefined {
  if (value === null || value === '' || value === 'all') return undefined;
  const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw undecodable();
  return number;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function time(value: string | null): string | undefined {
  if (value === null || value === '') return undefined;
  if (!rfc3339.test(value) || Number.isNaN(Date.parse(value))) throw undecodable();
  return value;
}

function undecodable(): KubeletApiError {
  return new KubeletApiError('PARAMETER_INVALID', '{"message": "Unable to decode query."}');
}
