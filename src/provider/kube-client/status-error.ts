import { KubeApiError, type KubeApiErrorCode } from './kube-api-error.ts';

/** The fields of a `Status` (meta/v1) that are read. */
interface Status {
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number };
}

/**
 * The error for a failed answer.
 * @param what the request, for the message.
 * @param body the body as it came, a `Status` in JSON or anything else.
 * @param retryAfter the `Retry-After` header: seconds, or an HTTP date.
 */
export function errorOfResponse(
  what: string,
  httpStatus: number,
  body: string,
  retryAfter?: string,
): KubeApiError {
  const status = parseStatus(body);
  return new KubeApiError(
    codeOf(status.reason, httpStatus),
    `${what}: ${status.message ?? `HTTP status ${httpStatus}`}`,
    {
      status: httpStatus,
      reason: status.reason,
      retryAfterMs: retryAfterMs(retryAfter, status.details?.retryAfterSeconds),
    },
  );
}

/** The error for a `Status` that came as the object of a watch's `ERROR` event. */
export function errorOfStatus(what: string, status: unknown): KubeApiError {
  const { code, reason, message } = asStatus(status);
  return new KubeApiError(codeOf(reason, code ?? 500), `${what}: ${message ?? 'watch failed'}`, {
    status: code,
    reason,
  });
}

function parseStatus(body: string): Status {
  try {
    return asStatus(JSON.parse(body));
  } catch {
    return body.trim() === '' ? {} : { message: body.trim().slice(0, 500) };
  }
}

function asStatus(value: unknown): Status {
  return typeof value === 'object' && value !== null ? value : {};
}

/** Source: `StatusReason` in Kubernetes' meta/v1. */
const codeOfReason: Readonly<Record<string, KubeApiErrorCode>> = {
  NotFound: 'NOT_FOUND',
  Conflict: 'CONFLICT',
  AlreadyExists: 'ALREADY_EXISTS',
  Forbidden: 'FORBIDDEN',
  Unauthorized: 'UNAUTHORIZED',
  Invalid: 'INVALID',
  BadRequest: 'INVALID',
  MethodNotAllowed: 'INVALID',
  NotAcceptable: 'INVALID',
  RequestEntityTooLarge: 'INVALID',
  UnsupportedMediaType: 'INVALID',
  Gone: 'GONE',
  Expired: 'GONE',
  TooManyRequests: 'TOO_MANY_REQUESTS',
  Timeout: 'TIMEOUT',
  ServerTimeout: 'TIMEOUT',
  InternalError: 'SERVER_ERROR',
  ServiceUnavailable: 'SERVER_ERROR',
};

function codeOf(reason: string | undefined, httpStatus: number): KubeApiErrorCode {
  return codeOfReason[reason ?? ''] ?? codeOfHttpStatus(httpStatus);
}

function codeOfHttpStatus(httpStatus: number): KubeApiErrorCode {
  switch (httpStatus) {
    case 401:
      return 'UNAUTHORIZED';
    case 403:
      return 'FORBIDDEN';
    case 404:
      return 'NOT_FOUND';
    case 409:
      return 'CONFLICT';
    case 410:
      return 'GONE';
    case 429:
      return 'TOO_MANY_REQUESTS';
    case 504:
      return 'TIMEOUT';
    default:
      return httpStatus >= 400 && httpStatus < 500 ? 'INVALID' : 'SERVER_ERROR';
  }
}

function retryAfterMs(header: string | undefined, seconds: number | undefined): number | undefined {
  if (header === undefined) return seconds === undefined ? undefined : seconds * 1000;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
