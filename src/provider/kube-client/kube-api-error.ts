/** What can be wrong with a request to the API server. */
export type KubeApiErrorCode =
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'ALREADY_EXISTS'
  | 'FORBIDDEN'
  | 'UNAUTHORIZED'
  /** The server says that the request itself is wrong. */
  | 'INVALID'
  /** The resource version or the continue token is too old. */
  | 'GONE'
  | 'TOO_MANY_REQUESTS'
  /** No connection, or it broke before the answer was whole. */
  | 'UNREACHABLE'
  /** No answer in time, from the server or from what is behind it. */
  | 'TIMEOUT'
  /** Any other failure of the server, an answer that cannot be read among them. */
  | 'SERVER_ERROR'
  /** No kubeconfig, one that cannot be read, or a credential plugin that fails. */
  | 'CONFIG_INVALID';

export interface KubeApiErrorDetails {
  /** HTTP status. */
  status?: number | undefined;
  /** `reason` of the server's Status. */
  reason?: string | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** A request to the API server that failed. The message names the request and the server's words. */
export class KubeApiError extends Error {
  readonly code: KubeApiErrorCode;
  readonly status?: number;
  readonly reason?: string;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number;

  constructor(code: KubeApiErrorCode, message: string, details: KubeApiErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'KubeApiError';
    this.code = code;
    if (details.status !== undefined) this.status = details.status;
    if (details.reason !== undefined) this.reason = details.reason;
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
  }
}

/** True for a `KubeApiError` of one of the codes. */
export function isKubeApiError(
  error: unknown,
  ...codes: KubeApiErrorCode[]
): error is KubeApiError {
  return error instanceof KubeApiError && (codes.length === 0 || codes.includes(error.code));
}
