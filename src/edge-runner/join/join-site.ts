import { setTimeout as delay } from 'node:timers/promises';
import { joinPath, type JoinRequest, type JoinResponse } from '../../protocol/join.ts';
import type { ProxyEnvironment } from '../../tunnel/proxy-environment.ts';
import { FileKey, joinRequestOf, publicPemOf } from './device-key.ts';
import { JoinError } from './errors.ts';
import { readGivenKey } from './given-key.ts';
import { certificateFault, type Identity } from './identity.ts';
import { IdentityDraft } from './identity-dir.ts';
import { exchangeJoin } from './join-exchange.ts';
import {
  connectTimeoutMs,
  lastRoundAfterMs,
  maxRounds,
  minConnectTimeoutMs,
  roundPauseMs,
} from './limits.ts';
import type { ProviderAddress } from './provider-address.ts';
import { connectToProvider } from './provider-connection.ts';

export interface JoinOptions {
  /** Tried in this order. */
  addresses: readonly ProviderAddress[];
  tenant: string;
  site: string;
  token: string;
  /** `sha256:<hex>` of the SubjectPublicKeyInfo of the provider's CA. */
  caHash: string;
  /** State directory. */
  dir: string;
  /** Replace the identity that this device has. */
  force: boolean;
  /** The file of a private key to join with, which stays where it is; one is made when there is none. */
  keyFile?: string | undefined;
  /** Where HTTPS_PROXY and NO_PROXY are looked up. */
  environment: ProxyEnvironment;
  signal: AbortSignal;
}

/**
 * Makes this device one of a site: generates a key, unless it is given one, redeems the token for a
 * certificate, and stores both, but no key that was given. The directory is tried before the token is
 * spent.
 * @throws JoinError
 */
export async function joinSite(options: JoinOptions): Promise<Identity> {
  const { keyFile } = options;
  const key = keyFile === undefined ? FileKey.generate() : await readGivenKey(keyFile);
  const draft = await IdentityDraft.begin(options.dir, { replace: options.force });
  try {
    const response = await redeem(options, joinRequestOf(key, options));
    const identity: Identity = {
      tenant: options.tenant,
      site: options.site,
      addresses: options.addresses.map(({ url }) => url),
      certificate: response.certificate,
      privateKey: key.pem,
      ca: response.ca,
      ...(keyFile === undefined ? {} : { key: 'credential' }),
    };
    requireFitting(identity, key);
    await draft.commit(identity);
    return identity;
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

/** A request is repeated with the same key when its answer was lost; the provider takes it for one. */
async function redeem(options: JoinOptions, request: JoinRequest): Promise<JoinResponse> {
  const lastRoundAtMs = performance.now() + lastRoundAfterMs;
  for (let round = 1; ; round += 1) {
    try {
      return await redeemAnywhere(options, request);
    } catch (error) {
      const lost = error instanceof JoinError && error.code === 'CONNECTION_LOST';
      if (!lost || round === maxRounds || performance.now() > lastRoundAtMs) throw error;
      await delay(roundPauseMs, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}

async function redeemAnywhere(options: JoinOptions, request: JoinRequest): Promise<JoinResponse> {
  const failures: JoinError[] = [];
  const share = Math.floor(connectTimeoutMs / options.addresses.length);
  const timeoutMs = Math.max(minConnectTimeoutMs, share);
  for (const address of options.addresses) {
    try {
      const connection = await connectToProvider(address, { ...options, timeoutMs });
      const asked = { path: joinPath, body: JSON.stringify(request) };
      return await exchangeJoin(connection.socket, address, asked, options.signal);
    } catch (error) {
      if (!(error instanceof JoinError) || error.code !== 'PROVIDER_UNREACHABLE') throw error;
      failures.push(error);
    }
  }
  const message = failures.map((failure) => failure.message).join('; ');
  throw new JoinError('PROVIDER_UNREACHABLE', message, { cause: failures[0] });
}

function requireFitting(identity: Identity, key: FileKey): void {
  const publicKey = publicPemOf(key.pem);
  const fault = certificateFault({ ...identity, publicKey, site: identity });
  if (fault === undefined) return;
  throw new JoinError(
    'RESPONSE_INVALID',
    `the provider answered with a certificate that is of no use (${fault}): check that runner and provider fit`,
  );
}
