import type { Logger } from 'pino';
import { loadIdentity } from '../join/identity-dir.ts';
import { SiteCredentials } from '../join/site-credentials.ts';
import { SvidCredentials } from '../join/svid-credentials.ts';
import type { LinkCredentials } from './link-credentials.ts';
import type { RunOptions } from './run-options.ts';

/** What this device is: by an outside authority where the options say so, else as it has joined. @throws JoinError */
export async function openCredentials(
  { svid, stateDir }: Pick<RunOptions, 'svid' | 'stateDir'>,
  log: Logger,
): Promise<LinkCredentials> {
  if (svid !== undefined) return new SvidCredentials(svid, log);
  return new SiteCredentials({ identity: await loadIdentity(stateDir), dir: stateDir });
}
