import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { spiffeIdIn } from '../../tunnel/svid.ts';
import type { RunnerError } from '../errors.ts';
import { CopiedPulls, type PullStore } from '../store/copied-pulls.ts';
import type { EdgeStore } from '../store/edge-store.ts';
import { openKeyFile, storeKeyName } from '../store/key-file.ts';
import { dropPullCopy } from '../store/pull-copy.ts';
import { AesSealer } from '../store/sealer.ts';
import { openOrStandIn } from '../store/stand-in-store.ts';
import { DeviceKeySource, storePurpose } from '../store/store-key.ts';
import type { LinkCredentials } from './link-credentials.ts';

/** The store's file in the state directory. */
export const storeName = 'store.db';

export interface SiteStoreOptions {
  stateDir: string;
  memoryDir: string;
  storeFile: string;
  log: Pick<Logger, 'error' | 'info'>;
  /** Called when the store is of no use any more: the runner must start again. */
  onEnd: (error: RunnerError) => void;
}

/** A site's store, and where its image pulls are kept; these are `CopiedPulls` where the site has a name. */
export interface SiteStore {
  store: EdgeStore;
  pulls: PullStore;
}

/**
 * Opens the store of the site that these credentials are of: of one trust domain, tenant and name,
 * even where another site had the same key.
 * @throws RunnerError as `openOrStandIn`
 */
export async function openSiteStore(
  { identity, isRenewable }: Pick<LinkCredentials, 'identity' | 'isRenewable'>,
  { stateDir, memoryDir, storeFile, log, onEnd }: SiteStoreOptions,
): Promise<SiteStore> {
  const keys = isRenewable
    ? new DeviceKeySource(identity.privateKey)
    : await openKeyFile(join(stateDir, storeKeyName));
  const { subjectAltName } = new X509Certificate(identity.certificate);
  const owner = spiffeIdIn(subjectAltName);
  const sealer = new AesSealer(keys.derive(storePurpose));
  const store = openOrStandIn(storeFile, {
    ...{
      ...{ log, sealer },
      onDamage: onEnd,
      onReplaced: onEnd,
    },
    copyFile: join(memoryDir, 'store-copy.db'),
    ...(owner !== undefined && { owner }),
  });
  if (owner === undefined) {
    dropPullCopy(storeFile);
    return { store, pulls: store };
  }
  return { store, pulls: new CopiedPulls(storeFile, { sealer, owner }, store) };
}
