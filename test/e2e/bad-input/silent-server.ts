import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';

/** A server that takes connections and says nothing, until the test ends. @returns its port, if any. */
export async function silentServer(
  t: Test,
  at: { host: string; port?: number } | { path: string },
): Promise<number> {
  return serve(t, at, () => undefined);
}

/** A server that answers every request in plain HTTP. @returns its port, if any. */
export async function plainHttpServer(
  t: Test,
  at: { host: string; port?: number } | { path: string },
): Promise<number> {
  return serve(t, at, (socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
  });
}

async function serve(t: Test, at: object, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen('host' in at ? { port: 0, ...at } : at);
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'string' ? 0 : (address?.port ?? 0);
}

/** A port of the host on which nobody listens. */
export async function closedPort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
