/** Every reason a tunnel, a stream on it or an attempt to dial it can fail for. */
export const tunnelErrorCodes = [
  // Dialling
  'ABORTED',
  'ADDRESS_INVALID',
  'CONNECTION_REFUSED',
  'DNS_FAILED',
  'HTTP_REJECTED',
  'PROXY_REJECTED',
  'TIMEOUT',
  'TLS_FAILED',
  'TLS_UNTRUSTED',
  'UNREACHABLE',
  // The end of a session
  'CONNECTION_LOST',
  'PEER_CLOSED',
  'PEER_ERROR',
  'PEER_SILENT',
  'REPLACED',
  'DISMISSED',
  'SESSION_CLOSED',
  // The peer broke the protocol; each of these ends its session
  'CONTROL_FLOOD',
  'DATA_AFTER_FIN',
  'FLAGS_INVALID',
  'GO_AWAY_INVALID',
  'OPEN_FLOOD',
  'PING_FLOOD',
  'STREAM_DUPLICATE',
  'STREAM_ID_INVALID',
  'STREAM_UNKNOWN',
  'TEXT_MESSAGE',
  'TYPE_UNKNOWN',
  'VERSION_UNKNOWN',
  'WEBSOCKET_INVALID',
  'WINDOW_EXCEEDED',
  'WINDOW_OVERFLOW',
  // One stream
  'GOING_AWAY',
  'SESSION_MEMORY',
  'STREAM_DESTROYED',
  'STREAM_OPEN_TIMEOUT',
  'STREAM_REFUSED',
  'STREAM_RESET',
  'TOO_MANY_STREAMS',
  // JSON frames
  'FRAME_INVALID',
  'FRAME_TOO_LARGE',
  'FRAME_TRUNCATED',
] as const;

export type TunnelErrorCode = (typeof tunnelErrorCodes)[number];

export interface TunnelErrorDetail {
  cause?: unknown;
  /** What was dialled, for errors of dialling. */
  address?: string;
  /** HTTP status of the answer, for HTTP_REJECTED and PROXY_REJECTED. */
  status?: number;
  /** Beginning of the body of the answer, for HTTP_REJECTED. */
  body?: string;
}

/** The one class of errors that this room gives out. `code` says which, `cause` keeps its origin. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code: TunnelErrorCode;
  readonly detail: TunnelErrorDetail;

  constructor(code: TunnelErrorCode, message: string, detail: TunnelErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.detail = detail;
  }
}

/** The code of an error from Node or one of its libraries, or an empty string. */
export function nodeErrorCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
