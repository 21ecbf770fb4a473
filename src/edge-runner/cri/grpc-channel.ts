import type { ClientHttp2Session } from 'node:http2';
import { CriError } from './cri-error.ts';
import {
  abortedStatus,
  GrpcCall,
  statusOfWireError,
  type GrpcCallHandlers,
  type GrpcRequest,
} from './grpc-call.ts';
import { encodeFrame } from './grpc-frames.ts';
import type { GrpcFailure, GrpcStatus } from './grpc-status.ts';
import { Http2Connection } from './http2-connection.ts';
import { maxQueuedMessages } from './limits.ts';
import { MessageQueue } from './message-queue.ts';
import type { Message } from './proto-types.ts';
import { WireError } from './wire-error.ts';

/** A method of a gRPC service: `/service/name` with the messages it takes and gives. */
export interface GrpcMethod<Request, Response> {
  readonly service: string;
  readonly name: string;
  readonly request: Message<unknown, Request>;
  readonly response: Message<Response, never>;
}

export interface CallOptions {
  /** When it aborts, the call fails with `CANCELLED` and the signal's reason as its cause. */
  readonly signal?: AbortSignal | undefined;
  /** Sent to the runtime as the call's deadline and kept here too; 0 means none. */
  readonly timeoutMs?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

const closedStatus: GrpcFailure = { code: 'CANCELLED', text: 'the client was closed' };

/**
 * gRPC over one HTTP/2 session on a unix socket. Nothing is opened before the first call; after
 * the session was lost the next call opens another. All errors are CriErrors.
 */
export class GrpcChannel {
  readonly socketPath: string;
  readonly #connection: Http2Connection;
  readonly #calls = new Set<GrpcCall>();
  #closed = false;

  constructor(options: { socketPath: string }) {
    this.socketPath = options.socketPath;
    this.#connection = new Http2Connection(options.socketPath);
  }

  /** One request, one response. */
  async unary<Request, Response>(
    method: GrpcMethod<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const prepared = this.#prepare(method, request, options);
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    let response: Buffer | undefined;
    this.#start(prepared, {
      onMessage(message) {
        response = message;
      },
      onEnd: (status) => {
        try {
          resolve(this.#responseOf(method, response, status));
        } catch (error) {
          reject(error);
        }
      },
    });
    return promise;
  }

  /**
   * One request, any number of responses. Ends normally when the server ends it with OK, throws
   * otherwise; leaving the loop cancels the call. A slow reader holds the server back.
   */
  async *serverStream<Request, Response>(
    method: GrpcMethod<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): AsyncGenerator<Response, void, undefined> {
    const prepared = this.#prepare(method, request, options);
    const queue = new MessageQueue<Buffer>();
    const call = this.#start(prepared, {
      onMessage(message) {
        if (queue.push(message) >= maxQueuedMessages) call?.pause();
      },
      onEnd: (status) => {
        queue.end(status.code === 'OK' ? undefined : this.#error(method.name, status));
      },
    });
    try {
      for await (const message of queue) {
        yield this.#decode(method, message);
        if (queue.size === 0) call?.resume();
      }
    } finally {
      call?.cancel({ code: 'CANCELLED', text: 'the reader left' });
    }
  }

  /** Ends the session; calls under way fail with `CANCELLED`, later ones too. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) call.cancel(closedStatus);
    await this.#connection.close();
  }

  #prepare<Request>(
    method: GrpcMethod<Request, unknown>,
    request: Request,
    options: CallOptions,
  ): GrpcRequest {
    const { signal, timeoutMs = 0, metadata = {} } = options;
    return {
      path: `/${method.service}/${method.name}`,
      body: encodeFrame(this.#encode(method, request)),
      metadata,
      timeoutMs,
      signal,
    };
  }

  /** Undefined when the call ended before it began; `onEnd` was called then. */
  #start(request: GrpcRequest, handlers: GrpcCallHandlers): GrpcCall | undefined {
    if (this.#closed || request.signal?.aborted === true) {
      handlers.onEnd(this.#closed ? closedStatus : abortedStatus(request.signal));
      return undefined;
    }
    const session = this.#connection.session();
    try {
      const call = new GrpcCall(session, request, {
        onMessage: (message) => {
          handlers.onMessage(message);
        },
        onEnd: (status) => {
          this.#calls.delete(call);
          handlers.onEnd(this.#explain(session, status));
        },
      });
      this.#calls.add(call);
      return call;
    } catch (cause) {
      const text = 'the connection was lost before the call could be sent';
      handlers.onEnd(this.#explain(session, { code: 'UNAVAILABLE', text, cause }));
      return undefined;
    }
  }

  /** Says of a lost connection what became of the socket. */
  #explain(session: ClientHttp2Session, status: GrpcStatus): GrpcStatus {
    if (status.code !== 'UNAVAILABLE') return status;
    const cause = rootOf(status.cause);
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
    if (reason === undefined) return status;
    if (reason === 'ERR_HTTP2_ERROR' && !this.#connection.spokeHttp2(session)) {
      return { code: 'NO_CRI', text: 'the socket does not speak gRPC', cause };
    }
    return { code: 'UNAVAILABLE', text: `${status.text} (${reason})`, cause };
  }

  #responseOf<Response>(
    method: GrpcMethod<never, Response>,
    response: Buffer | undefined,
    status: GrpcStatus,
  ): Response {
    if (status.code !== 'OK') throw this.#error(method.name, status);
    if (response === undefined) {
      const text = 'the runtime reported success but sent no response';
      throw this.#error(method.name, { code: 'INTERNAL', text });
    }
    return this.#decode(method, response);
  }

  #encode<Request>(method: GrpcMethod<Request, unknown>, request: Request): Uint8Array {
    try {
      return method.request.encode(request);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const text = `the request cannot be sent: ${error.message}`;
      throw this.#error(method.name, { code: 'INVALID_ARGUMENT', text, cause: error });
    }
  }

  #decode<Response>(method: GrpcMethod<never, Response>, bytes: Buffer): Response {
    try {
      return method.response.decode(bytes);
    } catch (error) {
      throw this.#error(method.name, statusOfWireError(error));
    }
  }

  #error(method: string, status: GrpcFailure): CriError {
    const { text: detail, answered = false } = status;
    const call = { method, detail, answered, socketPath: this.socketPath };
    return new CriError(status.code, call, { cause: status.cause });
  }
}

/** Node wraps a session's error into one error for each of its streams. */
function rootOf(cause: unknown): unknown {
  return cause instanceof Error && cause.cause instanceof Error ? rootOf(cause.cause) : cause;
}
