import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import type { Test } from 'tap';
import type { HandlerTarget } from '../../../../src/edge-runner/probes/probe-outcome.ts';
import { testCertificates } from '../../tunnel/certificates.ts';

/** What is probed in a test: a container on this machine. */
export const localTarget: HandlerTarget = {
  container: { name: 'web' },
  containerId: 'id-1',
  podIp: '127.0.0.1',
};

export const unaborted = new AbortController().signal;

/** An HTTP server that is gone after the test. Returns its port. */
export async function serveHttp(t: Test, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  const port = await listen(server);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return port;
}

/** The same with TLS, by a certificate for another name of an authority that nobody knows. */
export async function serveHttps(t: Test, listener: RequestListener): Promise<number> {
  const { serverCert: cert, serverKey: key } = testCertificates(['elsewhere.example']);
  const server = createTlsServer({ cert, key }, listener);
  const port = await listen(server);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return port;
}

/** A TCP server that reads what comes and says nothing. */
export async function serveSilence(t: Test): Promise<number> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    t.teardown(() => {
      socket.destroy();
    });
  });
  t.teardown(() => {
    server.close();
  });
  return listen(server);
}

/** A port at which nobody listens. */
export async function unusedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
