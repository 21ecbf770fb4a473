import type { Logger } from 'pino';
import { JoinError } from '../join/errors.ts';
import { givenKeyPath } from '../join/given-key.ts';
import { loadIdentity } from '../join/identity-dir.ts';
import { SiteCredentials } from '../join/site-credentials.ts';
import { SvidCredentials } from '../join/svid-credentials.ts';
import type { LinkCredentials } from './link-credentials.ts';
import type { RunOptions } from './run-options.ts';

/**
 * What this device is: by an outside authority where the options say so, else as it has joined. In the
 * environment only systemd's CREDENTIALS_DIRECTORY counts.
 * @throws JoinError
 */
export async function openCredentials(
  { svid, stateDir, keyFile }: Pick<RunOptions, 'svid' | 'stateDir' | 'keyFile'>,
  environment: Record<string, string | undefined>,
  log: Logger,
): Promise<LinkCredentials> {
  if (svid !== undefined) return new SvidCredentials(svid, log);
  const keyPath = givenKeyPath(keyFile, environment);
  const identity = await loadIdentity(stateDir, keyPath);
  if (keyFile !== undefined && identity.key === undefined) {
    throw new JoinError(
      'USAGE',
      `--key-file: this device has joined with a key of its own, in ${stateDir}: leave the flag out, or join again with --force, --key-file and a new token`,
    );
  }
  return new SiteCredentials({ identity, dir: stateDir, keyPath });
}
