import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { drainIdleMs, halfCloseIdleMs, lingerMs } from './limits.ts';

export interface RelayTimes {
  halfCloseIdleMs: number;
  drainIdleMs: number;
  lingerMs: number;
}

const maxListeners = 20;

const defaultTimes: RelayTimes = { halfCloseIdleMs, drainIdleMs, lingerMs };

/**
 * Carries bytes both ways until both sides have ended, with back-pressure and half-close. When
 * either side breaks, the other is reset at once. Never rejects: either side's failure is its own
 * report.
 *
 * When one side has ended and the other stays quiet, both are reset: soon when it was the client,
 * which hardly ever ends only its half; late when it was the site, for the client may read slowly
 * and has not lost its claim to what was sent before. A site that doesn't take the last words of a
 * client that is gone is not waited for long.
 */
export async function relay(
  socket: Socket,
  stream: Duplex,
  options: Partial<RelayTimes> = {},
): Promise<void> {
  const times = { ...defaultTimes, ...options };
  // Two pipelines and the server itself listen to one socket: more than Node expects, but no leak.
  socket.setMaxListeners(maxListeners);
  socket.setTimeout(0);
  socket.once('timeout', () => socket.destroy());
  socket.once('end', () => socket.setTimeout(times.halfCloseIdleMs));
  stream.once('end', () => {
    if (!socket.readableEnded) socket.setTimeout(times.drainIdleMs);
  });
  socket.once('close', () => {
    if (stream.closed) return;
    const linger = setTimeout(() => stream.destroy(), times.lingerMs);
    stream.once('close', () => {
      clearTimeout(linger);
    });
  });
  await Promise.allSettled([pipeline(socket, stream), pipeline(stream, socket)]);
}
