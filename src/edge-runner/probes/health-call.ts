import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { encodeFrame, FrameReader } from '../cri/grpc-frames.ts';
import { statusOf, statusOfHttp, type GrpcStatus } from '../cri/grpc-status.ts';
import { WireError } from '../cri/wire-error.ts';
import { HealthCheckRequest } from './health-messages.ts';
import { userAgent } from './http-headers.ts';
import { maxHealthResponseBytes } from './limits.ts';
import { dialProblem, systemProblem } from './network-text.ts';

/** What became of a call of the health service. */
export type HealthAnswer =
  | { kind: 'message'; message: Buffer }
  | { kind: 'status'; code: string; text: string }
  | { kind: 'not-connected'; problem: string }
  /** The signal aborted. */
  | { kind: 'timed-out'; connected: boolean };

/** Makes one call on a connection of its own. Never rejects. */
export async function checkHealth(
  address: string,
  service: string,
  signal: AbortSignal,
): Promise<HealthAnswer> {
  const session = connect(`http://${address}`, { settings: { enablePush: false } });
  let connected = false;
  session.once('connect', () => {
    connected = true;
  });
  // It reaches the call through its stream.
  session.on('error', () => undefined);
  const { promise, resolve } = Promise.withResolvers<HealthAnswer>();
  const onAbort = (): void => {
    resolve({ kind: 'timed-out', connected });
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  call(session, service, (end) => {
    if (connected || end.failure === undefined) resolve(answerOf(end));
    else resolve({ kind: 'not-connected', problem: dialProblem(address, end.failure) });
  });
  const answer = await promise;
  signal.removeEventListener('abort', onAbort);
  session.destroy();
  return answer;
}

interface CallEnd {
  status: GrpcStatus | undefined;
  message: Buffer | undefined;
  /** Why the connection or the stream broke. */
  failure: unknown;
}

function call(session: ClientHttp2Session, service: string, onEnd: (end: CallEnd) => void): void {
  const frames = new FrameReader(maxHealthResponseBytes);
  const end: CallEnd = { status: undefined, message: undefined, failure: undefined };
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': userAgent('probe'),
  });
  stream.on('response', (headers) => {
    const httpStatus = headers[':status'] ?? 0;
    end.status = statusOf(headers) ?? (httpStatus === 200 ? undefined : statusOfHttp(httpStatus));
  });
  stream.on('trailers', (trailers: IncomingHttpHeaders) => {
    end.status = statusOf(trailers) ?? end.status;
  });
  stream.on('data', (chunk: Buffer) => {
    try {
      end.message = frames.push(chunk)[0] ?? end.message;
    } catch (error) {
      end.status = malformed(error);
      stream.close();
    }
  });
  stream.on('error', (error: Error) => {
    end.failure = error.cause ?? error;
  });
  stream.on('close', () => {
    onEnd(end);
  });
  stream.end(encodeFrame(HealthCheckRequest.encode({ service })));
}

function answerOf({ status, message, failure }: CallEnd): HealthAnswer {
  if (status === undefined) {
    const text = failure === undefined ? 'there was no answer' : systemProblem(failure);
    return { kind: 'status', code: 'UNAVAILABLE', text };
  }
  if (status.code !== 'OK') return { kind: 'status', code: status.code, text: status.text };
  if (message !== undefined) return { kind: 'message', message };
  return { kind: 'status', code: 'INTERNAL', text: 'the server sent no response' };
}

function malformed(error: unknown): GrpcStatus {
  if (!(error instanceof WireError)) throw error;
  return { code: 'INTERNAL', text: error.message };
}
