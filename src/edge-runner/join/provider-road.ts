import { once } from 'node:events';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { connectThroughProxy } from '../../tunnel/proxy-connect.ts';
import { proxyFor, type Proxy, type ProxyEnvironment } from '../../tunnel/proxy-environment.ts';
import { abortError, connectFirst, resolveTargets } from '../../tunnel/tcp-race.ts';
import type { ProviderAddress } from './provider-address.ts';

/**
 * A byte stream to an address, through the proxy that the environment names for it, if any.
 * Rejects with TunnelError, or what the TLS of an `https:` proxy fails with.
 */
export async function openRoad(
  address: ProviderAddress,
  environment: ProxyEnvironment,
  signal: AbortSignal,
): Promise<Duplex> {
  const proxy = proxyFor(address.host, address.port, environment);
  const first = proxy ?? address;
  const targets = await orAborted(resolveTargets(first.host, first.port), signal);
  const { socket } = await connectFirst(targets, signal);
  if (proxy === undefined) return socket;
  try {
    const road = proxy.secure ? await secured(socket, proxy, signal) : socket;
    await connectThroughProxy(road, proxy, address.host, address.port, signal);
    return road;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** A lookup of the system can't be ended, but nobody needs to wait for it. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(abortError(signal));
  };
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** TLS to the proxy itself, whose certificate the device's own CAs vouch for. */
async function secured(socket: Duplex, proxy: Proxy, signal: AbortSignal): Promise<Duplex> {
  const name = isIP(proxy.host) === 0 ? { servername: proxy.host } : {};
  const secure = connect({ socket, host: proxy.host, ...name });
  await once(secure, 'secureConnect', { signal });
  return secure;
}
