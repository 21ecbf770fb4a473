import type { SiteSpec } from '../kube/site.ts';
import type { Cluster, SiteRef } from './cluster.ts';
import { openCluster } from './open-cluster.ts';
import type { ClusterFlags } from './kube-config.ts';
import type { CliIo } from './output.ts';
import { siteRef } from './site-ref.ts';

export interface RevokeFlags extends ClusterFlags {
  everyKey: boolean;
  undo: boolean;
}

/**
 * Shuts a site's device out, and withdraws its join token; or lets the device in again. Rejects with
 * CliError.
 */
export async function revokeSite(name: string, flags: RevokeFlags, io: CliIo): Promise<void> {
  const { cluster, namespace } = openCluster(flags, io);
  const ref = siteRef(namespace, name);
  const text = await (flags.undo ? undo(cluster, ref) : revoke(cluster, ref, flags.everyKey));
  io.stdout.write(`${text}\n`);
}

async function undo(cluster: Cluster, ref: SiteRef): Promise<string> {
  await cluster.patchSite(ref, { revokedKey: null });
  return `site ${ref.namespace}/${ref.name} is not revoked any more: the device that joined last is let in`;
}

async function revoke(cluster: Cluster, ref: SiteRef, everyKey: boolean): Promise<string> {
  const site = await cluster.site(ref);
  const key = everyKey ? '*' : site.status?.publicKeyHash;
  const change: { [K in keyof SiteSpec]?: SiteSpec[K] | null } = { join: null };
  if (key !== undefined) change.revokedKey = key;
  await cluster.patchSite(ref, change);
  const which = `site ${ref.namespace}/${ref.name}`;
  if (key === undefined) return `${which}: its join token is withdrawn; no device has joined`;
  return [
    `${which} is revoked: its connection is closed, and its device is not let in any more`,
    `What stays: its pods run on there, with the Secrets and tokens that they have. Change those that matter.`,
    `To bring the site back with a new key: towlinectl site token ${ref.name} -n ${ref.namespace}, and join with --force`,
  ].join('\n');
}
