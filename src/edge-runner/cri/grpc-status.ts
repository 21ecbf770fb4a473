import type { IncomingHttpHeaders } from 'node:http2';
import type { CriErrorCode } from './cri-error.ts';
import { maxErrorTextCharacters } from './limits.ts';

/** How a call failed: a code, with the server's text or ours. */
export interface GrpcFailure {
  readonly code: CriErrorCode;
  readonly text: string;
  readonly cause?: unknown;
  /** Set when the code is the server's own answer. */
  readonly answered?: true;
}

/** How a call ended. */
export type GrpcStatus = { readonly code: 'OK' } | GrpcFailure;

/** By number, as in gRPC's "Status codes and their use". */
const codes = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/**
 * Reads the status from trailers, or from the headers of a response that has no body.
 * Undefined when there is none.
 */
export function statusOf(headers: IncomingHttpHeaders): GrpcStatus | undefined {
  const number = single(headers['grpc-status']);
  if (number === undefined) return undefined;
  const code = codes[Number(number)] ?? 'UNKNOWN';
  return code === 'OK' ? { code } : { code, text: messageOf(headers), answered: true };
}

/** The status of a response that is no gRPC ("HTTP to gRPC status code mapping"). */
export function statusOfHttp(httpStatus: number): GrpcFailure {
  return {
    code: codeOfHttp(httpStatus),
    text: `the socket answered with HTTP status ${httpStatus} and no gRPC status`,
  };
}

/** Undoes the percent-encoding of `grpc-message`; what is not valid stays as it came. */
export function decodeGrpcMessage(text: string): string {
  const cut = text.slice(0, maxErrorTextCharacters);
  if (!cut.includes('%')) return cut;
  const bytes = cut.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function messageOf(headers: IncomingHttpHeaders): string {
  return decodeGrpcMessage(single(headers['grpc-message']) ?? '');
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function codeOfHttp(httpStatus: number): CriErrorCode {
  switch (httpStatus) {
    case 400:
      return 'INTERNAL';
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'UNIMPLEMENTED';
    case 429:
    case 502:
    case 503:
    case 504:
      return 'UNAVAILABLE';
    default:
      return 'UNKNOWN';
  }
}
