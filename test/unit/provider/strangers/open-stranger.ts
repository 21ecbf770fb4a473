import { connect, type Socket } from 'node:net';

/**
 * Opens a connection to a port of this machine from one of its addresses, and says nothing. Resolves
 * when it is open, or closed again.
 */
export async function openStranger(
  t: { teardown(end: () => unknown): void },
  port: number,
  from = '127.0.0.1',
): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined).resume();
  t.teardown(() => socket.destroy());
  await new Promise<void>((resolve) => {
    const done = (): void => {
      resolve();
    };
    socket.once('connect', done).once('close', done);
  });
  return socket;
}

/** Resolves when the other end has closed it. */
export async function closed(socket: Socket): Promise<true> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return true;
}
