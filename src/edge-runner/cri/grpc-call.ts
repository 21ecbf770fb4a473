import {
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { maxTimerMs } from '../../tunnel/clock.ts';
import { FrameReader } from './grpc-frames.ts';
import { statusOf, statusOfHttp, type GrpcFailure, type GrpcStatus } from './grpc-status.ts';
import { maxMessageBytes } from './limits.ts';
import { WireError } from './wire-error.ts';

/** What a call is made of; `body` is one framed message. */
export interface GrpcRequest {
  readonly path: string;
  readonly body: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  /** 0 means no deadline. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface GrpcCallHandlers {
  onMessage(message: Buffer): void;
  /** Called exactly once, and last. */
  onEnd(status: GrpcStatus): void;
}

/** One gRPC call on an HTTP/2 session: sends one message, takes any number, ends with a status. */
export class GrpcCall {
  readonly #handlers: GrpcCallHandlers;
  readonly #frames = new FrameReader(maxMessageBytes);
  readonly #signal: AbortSignal | undefined;
  readonly #stream: ClientHttp2Stream;
  #timer: NodeJS.Timeout | undefined;
  #status: GrpcStatus | undefined;
  #failure: unknown;
  #ended = false;

  /** Throws what `session.request` throws when the session is already gone. */
  constructor(session: ClientHttp2Session, request: GrpcRequest, handlers: GrpcCallHandlers) {
    this.#handlers = handlers;
    this.#signal = request.signal;
    this.#stream = session.request(headersOf(request));
    this.#listen();
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (request.timeoutMs > 0) this.#startTimer(request.timeoutMs);
    this.#stream.end(request.body);
  }

  /** Holds back further messages; at most what has arrived already is still handed out. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Tells the server to stop; the call ends with this status. */
  cancel(status: GrpcStatus): void {
    if (this.#ended) return;
    this.#stream.close(constants.NGHTTP2_CANCEL);
    this.#end(status);
  }

  readonly #onAbort = (): void => {
    this.cancel(abortedStatus(this.#signal));
  };

  #startTimer(timeoutMs: number): void {
    const expire = (): void => {
      this.cancel({ code: 'DEADLINE_EXCEEDED', text: `no answer within ${timeoutMs} ms` });
    };
    this.#timer = setTimeout(expire, Math.min(timeoutMs, maxTimerMs));
  }

  #listen(): void {
    this.#stream.on('response', (headers) => {
      const httpStatus = headers[':status'] ?? 0;
      this.#status = statusOf(headers);
      if (httpStatus !== 200) this.#status ??= statusOfHttp(httpStatus);
    });
    this.#stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    this.#stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      this.#status = statusOf(trailers) ?? this.#status;
    });
    this.#stream.on('error', (error) => {
      this.#failure ??= error;
    });
    this.#stream.on('close', () => {
      this.#end(this.#finalStatus());
    });
  }

  #take(chunk: Buffer): void {
    if (this.#ended || (this.#status !== undefined && this.#status.code !== 'OK')) return;
    try {
      for (const message of this.#frames.push(chunk)) this.#handlers.onMessage(message);
    } catch (error) {
      this.cancel(statusOfWireError(error));
    }
  }

  #finalStatus(): GrpcStatus {
    if (this.#status?.code === 'OK' && !this.#frames.atBoundary) {
      return { code: 'INTERNAL', text: 'the stream ended in the middle of a message' };
    }
    return this.#status ?? statusOfReset(this.#stream.rstCode, this.#failure);
  }

  #end(status: GrpcStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#handlers.onEnd(status);
  }
}

/** The end of a call whose caller no longer wants it. */
export function abortedStatus(signal: AbortSignal | undefined): GrpcFailure {
  return { code: 'CANCELLED', text: 'the caller gave up', cause: signal?.reason };
}

/** Turns what encoding or decoding threw into the status that a gRPC library would give. */
export function statusOfWireError(error: unknown): GrpcFailure {
  if (!(error instanceof WireError)) throw error;
  const code = error.code === 'TOO_LARGE' ? 'RESOURCE_EXHAUSTED' : 'INTERNAL';
  return { code, text: error.message, cause: error };
}

function headersOf(request: GrpcRequest): Record<string, string> {
  return {
    ':method': 'POST',
    ':path': request.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'towline-runner',
    ...(request.timeoutMs > 0 ? { 'grpc-timeout': timeoutHeader(request.timeoutMs) } : {}),
    ...request.metadata,
  };
}

/** At most eight digits and a unit. */
function timeoutHeader(timeoutMs: number): string {
  const wholeMs = Math.ceil(timeoutMs);
  return wholeMs < 100_000_000 ? `${wholeMs}m` : `${Math.ceil(wholeMs / 1000)}S`;
}

/** The end of a stream that never gave a status ("HTTP2 Transport Mapping", error codes). */
function statusOfReset(rstCode: number | undefined, cause: unknown): GrpcFailure {
  switch (rstCode) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return { code: 'UNAVAILABLE', text: 'the runtime refused the call', cause };
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return { code: 'RESOURCE_EXHAUSTED', text: 'the runtime asks for fewer calls', cause };
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return { code: 'PERMISSION_DENIED', text: 'the runtime asks for a safer connection', cause };
    default:
      return {
        code: 'UNAVAILABLE',
        text: 'the connection broke before there was an answer',
        cause,
      };
  }
}
