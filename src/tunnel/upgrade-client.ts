import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import type { TunnelAddress } from './address.ts';
import { dialError } from './dial-error.ts';
import { TunnelError } from './errors.ts';
import { maxMessageBytes, maxMessageFragments, maxRejectionBytes } from './limits.ts';
import { abortError } from './tcp-race.ts';

/**
 * Asks for a WebSocket on a connected TLS socket. Rejects with HTTP_REJECTED (with the status and
 * the beginning of the body) when the server says no, and with ABORTED or TIMEOUT by the signal.
 * `opened` is called before the first message can come; its result is the result.
 *
 * Frames are masked with zero: masking protects middleboxes that read what a browser was tricked
 * to send (RFC 6455, section 10.3), and inside TLS there is nothing for them to read.
 */
export async function upgradeClient<T>(
  socket: TLSSocket,
  address: TunnelAddress,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  opened: (ws: WebSocket) => T,
): Promise<T> {
  const ws = new WebSocket(address.text, {
    createConnection: () => socket,
    headers,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: maxMessageBytes,
    maxFragments: maxMessageFragments,
    followRedirects: false,
    generateMask: (mask) => {
      mask.fill(0);
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = (): void => {
    reject(abortError(signal));
  };
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  ws.on('error', (error) => {
    reject(upgradeError(error, address));
  });
  ws.on('unexpected-response', (_request, response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (): void => {
      const body = Buffer.concat(chunks).toString('utf8').slice(0, maxRejectionBytes).trim();
      reject(rejection(address, response.statusCode ?? 0, body));
      socket.destroy();
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxRejectionBytes) finish();
    });
    response.on('end', finish).on('error', finish).on('close', finish);
  });
  ws.on('open', () => {
    resolve(opened(ws));
  });
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort);
  });
}

/** Node's TLS servers drop a client whose certificate they don't trust without an alert. */
function upgradeError(error: Error, address: TunnelAddress): TunnelError {
  const failure = dialError(error, address.text, address.text);
  if (failure.code !== 'CONNECTION_LOST') return failure;
  const text =
    `${address.text} closed the connection without an answer; ` +
    'it may not accept the certificate of this device';
  return new TunnelError('CONNECTION_LOST', text, { cause: error, address: address.text });
}

function rejection(address: TunnelAddress, status: number, body: string): TunnelError {
  const said = body === '' ? '' : `: ${body}`;
  return new TunnelError('HTTP_REJECTED', `${address.text} answered ${status}${said}`, {
    address: address.text,
    status,
    body,
  });
}
