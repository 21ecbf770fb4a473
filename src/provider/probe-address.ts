import { once } from 'node:events';
import { createServer } from 'node:net';
import { ProviderError } from './errors.ts';

/**
 * Makes sure that an address is one of this machine's, before anything depends on it.
 * @throws ProviderError `FLAG_INVALID` naming the flag.
 */
export async function probeAddress(flag: string, host: string): Promise<void> {
  const server = createServer();
  try {
    server.listen({ host, port: 0 });
    await once(server, 'listening');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new ProviderError(
      'FLAG_INVALID',
      `${flag}: cannot listen on ${host} (${code}): give an address of this machine`,
      { cause },
    );
  } finally {
    server.close();
  }
}
