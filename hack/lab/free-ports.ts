import { createServer } from 'node:net';
import { LabError } from './lab-error.ts';

/**
 * Finds TCP ports that nobody listens on at `host`. They are free now; only the caller's own speed
 * keeps them so.
 */
export async function findFreePorts(count: number, host: string): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(async (server) => {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, host, resolve);
      });
      const address = server.address();
      if (address === null || typeof address === 'string') {
        throw new LabError('bad-answer', `no port at ${host}`);
      }
      return address.port;
    }),
  );
  await Promise.all(
    servers.map(
      (server) =>
        new Promise((resolve) => {
          server.close(resolve);
        }),
    ),
  );
  return ports;
}
