import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { KubeletApiError } from './kubelet-api-error.ts';

/** What a client is told of any error: nothing of the inside. */
export function refusalOf(error: unknown, log: Logger): KubeletApiError {
  if (error instanceof KubeletApiError) return error;
  log.error({ err: error }, 'request failed');
  return new KubeletApiError('INTERNAL', 'internal error of the provider; its log has the cause');
}

/** Answers an upgrade that is not to be, and closes the connection. */
export function refuseUpgrade(socket: Duplex, refusal: KubeletApiError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = Buffer.from(refusal.message, 'utf8');
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Error'}`,
    'Content-Type: text/plain; charset=utf-8',
    'X-Content-Type-Options: nosniff',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    '',
  ];
  socket.end(Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), body]));
  // What the client still sends is of no use; it must not keep the connection.
  socket.once('finish', () => {
    setImmediate(() => {
      socket.destroy();
    });
  });
}
