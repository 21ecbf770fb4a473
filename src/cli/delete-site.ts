import { siteFinalizer, type Site } from '../kube/site.ts';
import type { Cluster, SiteRef } from './cluster.ts';
import { CliError } from './errors.ts';
import type { ClusterFlags } from './kube-config.ts';
import { openCluster } from './open-cluster.ts';
import type { CliIo } from './output.ts';
import { siteRef } from './site-ref.ts';

export interface DeleteFlags extends ClusterFlags {
  force: boolean;
}

/**
 * Deletes a site. One that has been connected is emptied first; `force` lets it go as it is and says
 * what stays behind. Rejects with CliError.
 */
export async function deleteSite(name: string, flags: DeleteFlags, io: CliIo): Promise<void> {
  const { cluster, namespace } = openCluster(flags, io);
  const ref = siteRef(namespace, name);
  await cluster.deleteSite(ref);
  const left = await siteThatStays(cluster, ref);
  const which = `site ${namespace}/${name}`;
  if (left === undefined) io.stdout.write(`${which} deleted\n`);
  else if (flags.force) io.stdout.write(await release(cluster, ref, left));
  else io.stdout.write(`${which} ${isConnected(left) ? draining : waiting}\n`);
}

const draining = 'is being deleted: its device stops the pods first, each with its grace';
const waiting =
  'is not connected: it is deleted once its device has been back and has stopped its pods; --force deletes it now';

/** The site when something still holds it. */
async function siteThatStays(cluster: Cluster, ref: SiteRef): Promise<Site | undefined> {
  try {
    const site = await cluster.site(ref);
    return site.metadata.finalizers?.includes(siteFinalizer) === true ? site : undefined;
  } catch (error) {
    if (error instanceof CliError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function isConnected(site: Site): boolean {
  const conditions = site.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Connected' && status === 'True');
}

async function release(cluster: Cluster, ref: SiteRef, site: Site): Promise<string> {
  const nodeName = site.status?.nodeName ?? `${ref.name}.${ref.namespace}`;
  const pods = await podsOf(cluster, nodeName);
  const finalizers = site.metadata.finalizers ?? [];
  await cluster.releaseSite(
    ref,
    finalizers.filter((finalizer) => finalizer !== siteFinalizer),
  );
  return [
    `site ${ref.namespace}/${ref.name} deleted; its device is let in no more`,
    'What stays on the device, until somebody cleans it: the containers of its pods, which run on; their volumes, Secrets and tokens; images; its key.',
    pods === undefined ? 'You may not list its pods.' : `Its pods: ${pods.join(', ') || 'none'}`,
    '',
  ].join('\n');
}

/** `undefined` when this user may not know. */
async function podsOf(cluster: Cluster, nodeName: string): Promise<string[] | undefined> {
  try {
    return await cluster.podsOfNode(nodeName);
  } catch (error) {
    if (error instanceof CliError && error.code === 'FORBIDDEN') return undefined;
    throw error;
  }
}
