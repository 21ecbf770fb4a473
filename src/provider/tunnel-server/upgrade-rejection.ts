import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** Answers an upgrade with a status and one line of plain text, and closes the connection. */
export function rejectUpgrade(socket: Duplex, status: number, reason: string): void {
  const body = `${reason.replaceAll(/[\r\n]+/g, ' ')}\n`;
  socket.once('finish', () => {
    socket.destroy();
  });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
