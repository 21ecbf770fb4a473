import type { Logger } from 'pino';
import { preflight, type PreflightOptions } from './preflight-command.ts';

/** Writes what the device lacks into the log of a runner that starts nevertheless. */
export async function logChecks(
  options: Omit<PreflightOptions, 'root'>,
  log: Logger,
): Promise<void> {
  for (const check of await preflight({ ...options, root: '/' })) {
    if (check.status === 'ok') continue;
    const { name, found, remedy, package: debian } = check;
    log.warn({ check: name, remedy, package: debian }, found);
  }
}
