import { isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { dialError } from './dial-error.ts';
import { TunnelError } from './errors.ts';
import { maxProxyHeadBytes } from './limits.ts';
import type { Proxy } from './proxy-environment.ts';
import { abortError } from './tcp-race.ts';

/**
 * Asks an HTTP proxy on `socket` for a tunnel to `host:port` (RFC 9110, section 9.3.6). Rejects
 * with PROXY_REJECTED when it says no, and with ABORTED or TIMEOUT by the signal.
 */
export async function connectThroughProxy(
  socket: Duplex,
  proxy: Proxy,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<void> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const credentials = Buffer.from(proxy.credentials ?? '').toString('base64');
  const authorization =
    proxy.credentials === undefined ? '' : `Proxy-Authorization: Basic ${credentials}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  const head = await readHead(socket, proxy, signal);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  if (status >= 200 && status < 300) return;
  throw new TunnelError('PROXY_REJECTED', refusal(proxy, authority, status), { status });
}

function refusal(proxy: Proxy, authority: string, status: number): string {
  const name = `the proxy ${proxy.host}:${proxy.port}`;
  if (status === 0) return `${name} did not answer as an HTTP proxy; check HTTPS_PROXY`;
  if (status === 407) {
    return `${name} wants a user and password (407); set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`;
  }
  return `${name} refused to connect to ${authority} (${status}); ask whoever runs it to allow that`;
}

/** The head of the answer; what follows it stays on the socket. */
async function readHead(socket: Duplex, proxy: Proxy, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const name = `the proxy ${proxy.host}:${proxy.port}`;
  let received = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk: unknown = socket.read();
    if (!Buffer.isBuffer(chunk)) return;
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf('\r\n\r\n');
    if (end >= 0) {
      const rest = received.subarray(end + 4);
      if (rest.length > 0) socket.unshift(rest);
      resolve(received.subarray(0, end).toString('latin1'));
    } else if (received.length > maxProxyHeadBytes) {
      reject(new TunnelError('PROXY_REJECTED', `${name} did not answer as an HTTP proxy`));
    }
  };
  const onError = (error: Error): void => {
    reject(dialError(error, name, `${proxy.host}:${proxy.port}`));
  };
  const onEnd = (): void => {
    reject(new TunnelError('PROXY_REJECTED', `${name} closed the connection without an answer`));
  };
  const onAbort = (): void => {
    reject(abortError(signal));
  };
  socket.on('readable', onReadable).on('error', onError).on('end', onEnd).on('close', onEnd);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  return promise.finally(() => {
    socket.off('readable', onReadable).off('error', onError).off('end', onEnd).off('close', onEnd);
    signal.removeEventListener('abort', onAbort);
  });
}
