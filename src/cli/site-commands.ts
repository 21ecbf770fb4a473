import type { Site } from '../kube/site.ts';
import { joinLine, newJoinToken, parseTokenTtl } from './join-token.ts';
import type { ClusterFlags } from './kube-config.ts';
import { openCluster } from './open-cluster.ts';
import { formatObject, requireFormat, type CliIo } from './output.ts';
import { readProviderInfo, type ProviderFlags } from './provider-info.ts';
import { requireNamespace, siteRef } from './site-ref.ts';
import { siteOf, type SiteFlags } from './site-object.ts';
import { formatSites } from './site-table.ts';

export interface TokenFlags extends ClusterFlags, ProviderFlags {
  tokenTtl: string;
  output: string;
}

/** Creates a Site and prints the line with which a device joins it. Rejects with CliError. */
export async function createSite(
  name: string,
  flags: TokenFlags & SiteFlags,
  io: CliIo,
): Promise<void> {
  const token = newJoinToken(parseTokenTtl(flags.tokenTtl), io.nowMs());
  const format = requireFormat(flags.output, ['join', 'json', 'yaml']);
  const { cluster, namespace } = openCluster(flags, io);
  const ref = siteRef(namespace, name);
  const wanted = siteOf(ref, flags, token.stored);
  const provider = await readProviderInfo(cluster, flags);
  const site = await cluster.createSite(wanted);
  const line = joinLine(provider, ref, token.token);
  writeJoin({ format, site, line, what: `site ${namespace}/${name} created`, token, flags }, io);
}

/** Gives a Site a new join token and prints the line with which a device joins it. */
export async function renewToken(name: string, flags: TokenFlags, io: CliIo): Promise<void> {
  const token = newJoinToken(parseTokenTtl(flags.tokenTtl), io.nowMs());
  const format = requireFormat(flags.output, ['join', 'json', 'yaml']);
  const { cluster, namespace } = openCluster(flags, io);
  const ref = siteRef(namespace, name);
  const provider = await readProviderInfo(cluster, flags);
  const { spec } = await cluster.site(ref);
  // What shuts every key out would shut out the one of this token, too.
  const revoked = spec?.revokedKey === '*' ? { revokedKey: null } : {};
  const site = await cluster.patchSite(ref, { join: token.stored, ...revoked });
  const line = joinLine(provider, ref, token.token);
  const what = `site ${namespace}/${name} has a new join token; a device that joined before stays until another one uses it, unless it is revoked`;
  writeJoin({ format, site, line, what, token, flags }, io);
}

export interface ListFlags extends ClusterFlags {
  allNamespaces: boolean;
  output: string;
}

export async function listSites(flags: ListFlags, io: CliIo): Promise<void> {
  const format = requireFormat(flags.output, ['table', 'wide', 'json', 'yaml']);
  const { cluster, namespace } = openCluster(flags, io);
  requireNamespace(namespace);
  const sites = await cluster.listSites(flags.allNamespaces ? undefined : namespace);
  if (format === 'json' || format === 'yaml') {
    const list = { apiVersion: 'v1', kind: 'List', items: sites };
    io.stdout.write(formatObject(list, format));
    return;
  }
  if (sites.length === 0) {
    const where = flags.allNamespaces ? 'the cluster' : `namespace ${namespace}`;
    io.stderr.write(`There is no site in ${where}.\n`);
    return;
  }
  const options = {
    withNamespace: flags.allNamespaces,
    wide: format === 'wide',
    nowMs: io.nowMs(),
  };
  io.stdout.write(formatSites(sites, options));
}

/** The line alone goes to standard output, so that it can be piped to the device. */
function writeJoin(
  result: {
    format: 'join' | 'json' | 'yaml';
    site: Site;
    line: string;
    what: string;
    token: { stored: { expiresAt: string } };
    flags: TokenFlags;
  },
  io: CliIo,
): void {
  io.stderr.write(
    `${result.what}. Run this on the device as root, before ${result.token.stored.expiresAt}; it works once:\n`,
  );
  const isJoin = result.format === 'join';
  (isJoin ? io.stdout : io.stderr).write(`${result.line}\n`);
  if (result.format !== 'join') io.stdout.write(formatObject(result.site, result.format));
}
