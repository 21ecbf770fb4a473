import { once } from 'node:events';
import { createServer } from 'node:net';
import { ProviderError } from './errors.ts';
import type { PortRange } from './node/port-allocator.ts';

/**
 * Makes sure that an address can be listened on, before anything depends on it.
 * @throws ProviderError `FLAG_INVALID` naming the flag.
 */
export async function probeAddress(flag: string, host: string, port = 0): Promise<void> {
  const cause = await listeningError(host, port);
  if (cause === undefined) return;
  const code = codeOf(cause);
  const where = port === 0 ? host : `${host}:${port}`;
  const text = `${flag}: cannot listen on ${where} (${code}): ${adviceFor(code)}`;
  throw new ProviderError('FLAG_INVALID', text, { cause });
}

/**
 * Makes sure that a port of a range is free; `from: 0` is any.
 * @throws ProviderError `FLAG_INVALID` naming the flag.
 */
export async function probePorts(flag: string, host: string, range: PortRange): Promise<void> {
  for (let port = range.from; port <= range.to; port += 1) {
    if (codeOf(await listeningError(host, port)) !== 'EADDRINUSE') return;
  }
  throw new ProviderError(
    'FLAG_INVALID',
    `${flag}: all ports from ${range.from} to ${range.to} of ${host} are taken: stop what has them, or give other ports`,
  );
}

async function listeningError(host: string, port: number): Promise<unknown> {
  const server = createServer();
  try {
    server.listen({ host, port });
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return undefined;
  } catch (error) {
    return error;
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}

function adviceFor(code: string): string {
  if (code === 'EADDRINUSE') return 'another program has this port; stop it, or give another';
  if (code === 'EACCES') return 'give a port above 1023, or the right to take lower ones';
  return 'give an address of this machine';
}
