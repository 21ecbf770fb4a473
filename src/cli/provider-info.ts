import type { Cluster } from './cluster.ts';
import { CliError } from './errors.ts';
import { requireNamespace } from './site-ref.ts';

/** How a device reaches the provider, and by what it knows it. */
export interface ProviderInfo {
  /** `wss://host:port`, comma-separated when there are several. */
  address: string;
  /** `sha256:<hex>` of the CA's SubjectPublicKeyInfo. */
  caHash: string;
  /** The provider's own, where a SPIFFE authority gives out the identities: no device joins there. */
  spiffeId?: string | undefined;
}

/** A provider with which no device joins. */
export type SpiffeProvider = ProviderInfo & { spiffeId: string };

export function isSpiffe(provider: ProviderInfo): provider is SpiffeProvider {
  return provider.spiffeId !== undefined;
}

export interface ProviderFlags {
  providerNamespace: string;
  providerAddress?: string;
  caHash?: string;
}

/** Name of the ConfigMap that the provider publishes. */
export const providerInfoName = 'towline-provider';

/**
 * The provider's address and CA hash: from the flags, else as the provider published them.
 * @throws CliError `USAGE`, `PROVIDER_UNKNOWN`
 */
export async function readProviderInfo(
  cluster: Cluster,
  flags: ProviderFlags,
): Promise<ProviderInfo> {
  requireUsable(flags);
  if (flags.providerAddress !== undefined && flags.caHash !== undefined) {
    return { address: flags.providerAddress, caHash: flags.caHash };
  }
  const data = await publishedInfo(cluster, flags.providerNamespace);
  const address = flags.providerAddress ?? data['address'];
  const caHash = flags.caHash ?? data['caHash'];
  const spiffeId = data['spiffeId'];
  if (address !== undefined && caHash !== undefined) return { address, caHash, spiffeId };
  throw unknownProvider(flags.providerNamespace, 'it lacks address or caHash');
}

/** What a device could not join with must not get into its line. @throws CliError `USAGE` */
function requireUsable({ providerAddress, caHash, providerNamespace }: ProviderFlags): void {
  requireNamespace(providerNamespace);
  for (const part of providerAddress?.split(',') ?? []) {
    if (/^wss:\/\/[^\s/?#@]+$/.test(part) && URL.canParse(part)) continue;
    throw new CliError(
      'USAGE',
      `--provider-address: "${part}" is not an address such as wss://provider.example.com:8443`,
    );
  }
  if (caHash === undefined || /^sha256:[0-9a-f]{64}$/.test(caHash)) return;
  throw new CliError('USAGE', '--ca-hash: give sha256: and 64 hexadecimal digits');
}

async function publishedInfo(cluster: Cluster, namespace: string): Promise<Record<string, string>> {
  try {
    return await cluster.configMap({ namespace, name: providerInfoName });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error.code === 'NOT_FOUND') throw unknownProvider(namespace, 'it does not exist', error);
    if (error.code !== 'FORBIDDEN') throw error;
    throw unknownProvider(namespace, 'you may not read it', error);
  }
}

function unknownProvider(namespace: string, why: string, cause?: unknown): CliError {
  return new CliError(
    'PROVIDER_UNKNOWN',
    `cannot tell how devices reach the provider: it publishes that in ConfigMap ${namespace}/${providerInfoName}, and ${why}; ` +
      'check that the provider runs, name its namespace with --provider-namespace, or give --provider-address and --ca-hash',
    { cause },
  );
}
