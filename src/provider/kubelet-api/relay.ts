import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { halfCloseIdleMs } from './limits.ts';

/**
 * Carries bytes both ways until both sides have ended, with back-pressure and half-close. When
 * either side breaks, the other is reset at once; when one has ended and the other is quiet for
 * `halfCloseIdleMs`, both are. Never rejects: either side's failure is its own report.
 */
export async function relay(
  socket: Socket,
  stream: Duplex,
  options: { halfCloseIdleMs?: number } = {},
): Promise<void> {
  const idleMs = options.halfCloseIdleMs ?? halfCloseIdleMs;
  const watchIdle = (): void => {
    socket.setTimeout(idleMs, () => socket.destroy());
  };
  socket.setTimeout(0);
  socket.once('end', watchIdle);
  stream.once('end', watchIdle);
  await Promise.allSettled([pipeline(socket, stream), pipeline(stream, socket)]);
}
