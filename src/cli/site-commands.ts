import type { Site } from '../kube/site.ts';
import type { SiteRef } from './cluster.ts';
import { CliError } from './errors.ts';
import { joinLine, newJoinToken, parseTokenTtl, type JoinToken } from './join-token.ts';
import type { ClusterFlags } from './kube-config.ts';
import { openCluster } from './open-cluster.ts';
import { formatObject, requireFormat, type CliIo } from './output.ts';
import {
  isSpiffe,
  readProviderInfo,
  type ProviderFlags,
  type SpiffeProvider,
} from './provider-info.ts';
import { requireNamespace, siteRef } from './site-ref.ts';
import { siteOf, type SiteFlags } from './site-object.ts';
import { formatSites } from './site-table.ts';
import { siteSpiffeId, svidLine } from './svid-line.ts';

export interface TokenFlags extends ClusterFlags, ProviderFlags {
  tokenTtl: string;
  output: string;
}

/**
 * Creates a Site and prints the line with which a device joins it, or runs with its SVID where nobody
 * joins. Rejects with CliError.
 */
export async function createSite(
  name: string,
  flags: TokenFlags & SiteFlags,
  io: CliIo,
): Promise<void> {
  const token = newJoinToken(parseTokenTtl(flags.tokenTtl), io.nowMs());
  const format = requireFormat(flags.output, ['join', 'json', 'yaml']);
  const { cluster, namespace } = openCluster(flags, io);
  const ref = siteRef(namespace, name);
  const bare = siteOf(ref, flags, undefined);
  const provider = await readProviderInfo(cluster, flags);
  const what = `site ${namespace}/${name} created`;
  if (isSpiffe(provider)) {
    const site = await cluster.createSite(bare);
    const how = `No device joins here: run this on the one with the SVID ${siteSpiffeId(provider, ref)}`;
    writeLine({ format, site, line: svidLine(provider), intro: `${what}. ${how}` }, io);
    return;
  }
  const site = await cluster.createSite({ ...bare, spec: { ...bare.spec, join: token.stored } });
  const line = joinLine(provider, ref, token.token);
  writeLine({ format, site, line, intro: `${what}. ${joinIntro(token)}` }, io);
}

/** Gives a Site a new join token and prints the line with which a device joins it. */
export async function renewToken(name: string, flags: TokenFlags, io: CliIo): Promise<void> {
  const token = newJoinToken(parseTokenTtl(flags.tokenTtl), io.nowMs());
  const format = requireFormat(flags.output, ['join', 'json', 'yaml']);
  const { cluster, namespace } = openCluster(flags, io);
  const ref = siteRef(namespace, name);
  const provider = await readProviderInfo(cluster, flags);
  if (isSpiffe(provider)) throw noJoins(provider, ref);
  const { spec } = await cluster.site(ref);
  // What shuts every key out would shut out the one of this token, too.
  const revoked = spec?.revokedKey === '*' ? { revokedKey: null } : {};
  const site = await cluster.patchSite(ref, { join: token.stored, ...revoked });
  const line = joinLine(provider, ref, token.token);
  const what = `site ${namespace}/${name} has a new join token; a device that joined before stays until another one uses it, unless it is revoked`;
  writeLine({ format, site, line, intro: `${what}. ${joinIntro(token)}` }, io);
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

function joinIntro({ stored }: JoinToken): string {
  return `Run this on the device as root, before ${stored.expiresAt}; it works once`;
}

function noJoins(provider: SpiffeProvider, ref: SiteRef): CliError {
  const { namespace, name } = ref;
  return new CliError(
    'NO_JOINING',
    `no device joins here, so there are no tokens: a SPIFFE authority gives out the identities. Run on the device that has the SVID ${siteSpiffeId(provider, ref)}: ${svidLine(provider)}. A site that was revoked is let in again by: towlinectl site revoke ${name} -n ${namespace} --undo`,
  );
}

/** The line alone goes to standard output, so that it can be piped to the device. */
function writeLine(
  result: { format: 'join' | 'json' | 'yaml'; site: Site; line: string; intro: string },
  io: CliIo,
): void {
  io.stderr.write(`${result.intro}:\n`);
  const isJoin = result.format === 'join';
  (isJoin ? io.stdout : io.stderr).write(`${result.line}\n`);
  if (result.format !== 'join') io.stdout.write(formatObject(result.site, result.format));
}
