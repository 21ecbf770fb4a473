import { createHash, randomBytes } from 'node:crypto';
import { parseDuration } from '../kube/duration.ts';
import { KubeRuleError } from '../kube/kube-rule-error.ts';
import type { ProviderInfo } from './provider-info.ts';
import type { SiteRef } from './cluster.ts';
import { CliError } from './errors.ts';

/** A join token, and what a Site stores of it. */
export interface JoinToken {
  token: string;
  stored: { tokenHash: string; expiresAt: string };
}

/** A new random token of 160 bits. */
export function newJoinToken(ttlMs: number, nowMs: number): JoinToken {
  const token = randomBytes(20).toString('hex');
  const tokenHash = `sha256:${createHash('sha256').update(token).digest('hex')}`;
  const expiresAt = new Date(nowMs + ttlMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return { token, stored: { tokenHash, expiresAt } };
}

/**
 * Milliseconds of `--token-ttl`, a Go duration.
 * @throws CliError `USAGE`
 */
export function parseTokenTtl(text: string): number {
  let ttlMs;
  try {
    ttlMs = parseDuration(text);
  } catch (error) {
    if (!(error instanceof KubeRuleError)) throw error;
    throw new CliError('USAGE', `--token-ttl: ${error.message}`, { cause: error });
  }
  if (ttlMs >= 1000) return ttlMs;
  throw new CliError('USAGE', `--token-ttl ${text} is too short: give a time as in 1h or 30m`);
}

/** The one line to run on the device. */
export function joinLine(provider: ProviderInfo, site: SiteRef, token: string): string {
  return [
    'towline-runner join',
    provider.address,
    `--site ${site.namespace}/${site.name}`,
    `--token ${token}`,
    `--ca-hash ${provider.caHash}`,
  ].join(' ');
}
