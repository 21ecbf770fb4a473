import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { TunnelUpgrader } from '../../../src/tunnel/accept.ts';
import type { Session, SessionOptions } from '../../../src/tunnel/session.ts';
import type { TestCertificates } from './certificates.ts';

export interface TunnelServer {
  address: string;
  port: number;
  server: Server;
  sessions: Session[];
  stop(): Promise<void>;
}

/** A real accepting end over TLS on loopback; `port` 0 takes a free one. */
export async function startTunnelServer(
  certificates: TestCertificates,
  session: SessionOptions,
  port = 0,
  host = '127.0.0.1',
  versions: Pick<SecureContextOptions, 'minVersion' | 'maxVersion'> = { minVersion: 'TLSv1.3' },
): Promise<TunnelServer> {
  const upgrader = new TunnelUpgrader();
  const sessions: Session[] = [];
  const server = createServer({
    key: certificates.serverKey,
    cert: certificates.serverCert,
    ca: certificates.ca,
    requestCert: true,
    ...versions,
  });
  server.on('upgrade', (request, socket, head) => {
    upgrader.upgrade(request, socket, head, session).then(
      (opened) => sessions.push(opened),
      () => undefined,
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    address: `wss://${host.includes(':') ? `[${host}]` : host}:${bound}/v1/tunnel`,
    port: bound,
    server,
    sessions,
    stop: async () => {
      for (const open of sessions) open.close();
      await Promise.all(sessions.map((open) => open.closed));
      server.closeAllConnections();
      server.close();
    },
  };
}
