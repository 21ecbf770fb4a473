import { renewPath, type JoinResponse } from '../../protocol/join.ts';
import type { ProxyEnvironment } from '../../tunnel/proxy-environment.ts';
import { JoinError } from './errors.ts';
import type { Identity } from './identity.ts';
import { exchangeJoin } from './join-exchange.ts';
import { connectTimeoutMs, minConnectTimeoutMs } from './limits.ts';
import { parseProviderAddresses, type ProviderAddress } from './provider-address.ts';
import { connectAsSite } from './provider-connection.ts';

export interface RenewOptions {
  identity: Identity;
  /** Where HTTPS_PROXY and NO_PROXY are looked up. */
  environment: ProxyEnvironment;
  signal: AbortSignal;
}

/**
 * Asks for a new certificate outside of the tunnel, by the key alone: for a site whose certificate
 * the provider doesn't take any more. Tries every address until one answers.
 * @throws JoinError: the provider's refusal, or why none could be asked.
 */
export async function renewSite(options: RenewOptions): Promise<JoinResponse> {
  const addresses = options.identity.addresses.flatMap(parseProviderAddresses);
  const share = Math.floor(connectTimeoutMs / addresses.length);
  const timeoutMs = Math.max(minConnectTimeoutMs, share);
  let last: unknown;
  for (const address of addresses) {
    try {
      return await renewAt(address, options, timeoutMs);
    } catch (error) {
      if (!(error instanceof JoinError) || error.code !== 'PROVIDER_UNREACHABLE') throw error;
      last = error;
    }
  }
  throw last;
}

async function renewAt(
  address: ProviderAddress,
  { identity, environment, signal }: RenewOptions,
  timeoutMs: number,
): Promise<JoinResponse> {
  const socket = await connectAsSite(address, identity, { environment, timeoutMs, signal });
  return exchangeJoin(socket, address, { path: renewPath }, signal);
}
