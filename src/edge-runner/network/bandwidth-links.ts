import { createHash } from 'node:crypto';
import type { RunOnHost } from '../host/run-on-host.ts';
import { linksOfKind } from './pod-link.ts';

const prefix = 'tlbw';

/** The interface through which goes what a sandbox sends: its name, as long as one may be (IFNAMSIZ). */
export function bandwidthLinkOf(sandboxId: string): string {
  const digest = createHash('sha256').update(sandboxId).digest('hex');
  return `${prefix}${digest.slice(0, 15 - prefix.length)}`;
}

/** Those that runners have made on this device. Rejects as `run` does. */
export async function bandwidthLinks(run: RunOnHost): Promise<string[]> {
  return (await linksOfKind('ifb', run)).filter((name) => name.startsWith(prefix));
}

/** Rejects as `run` does. */
export async function removeBandwidthLink(name: string, run: RunOnHost): Promise<void> {
  await run('ip', ['link', 'delete', name]);
}
