import { caRequestAnnotation, needOfOldCa, type CaRequest } from '../kube/ca-roll.ts';
import type { Site } from '../kube/site.ts';
import type { Cluster, SiteRef } from './cluster.ts';
import { CliError } from './errors.ts';
import type { ClusterFlags } from './kube-config.ts';
import { openCluster } from './open-cluster.ts';
import type { CliIo } from './output.ts';
import { providerInfoName } from './provider-info.ts';
import { requireNamespace } from './site-ref.ts';
import { caWaitPollMs, caWaitTimeoutMs, maxListedSites } from './limits.ts';

export interface CaFlags extends ClusterFlags {
  providerNamespace: string;
}

/** What the provider publishes of its CAs, `sha256:<hex>`. */
interface CaInfo {
  caHash: string | undefined;
  nextCaHash: string | undefined;
}

/** Has the provider make the CA that follows the one it has. Rejects with CliError. */
export async function rotateCa(flags: CaFlags, io: CliIo): Promise<void> {
  const { cluster, ref } = open(flags, io);
  const { caHash, nextCaHash } = await readCas(cluster, ref);
  if (nextCaHash !== undefined) {
    const problem = `the CA is being rolled already, to ${nextCaHash}: see "towlinectl ca status"`;
    throw new CliError('CA_ROLL_UNDER_WAY', problem);
  }
  await ask(cluster, ref, { action: 'rotate', id: idOf(io) });
  // Where no site needs the old CA, it is given up in the same moment.
  const now = await untilChanged(
    cluster,
    ref,
    (info) => info.nextCaHash !== undefined || info.caHash !== caHash,
  );
  io.stdout.write(`the provider has a new CA: ${now.nextCaHash ?? now.caHash ?? ''}\n${nextSteps}`);
}

/** Has the provider give up the CA that is rolled away. Without `force` only when no site needs it. */
export async function retireCa(flags: CaFlags & { force: boolean }, io: CliIo): Promise<void> {
  const { cluster, ref } = open(flags, io);
  const { caHash, nextCaHash } = await readCas(cluster, ref);
  if (nextCaHash === undefined) {
    const problem = 'there is no CA to retire: "towlinectl ca rotate" makes the one that follows';
    throw new CliError('CA_ROLL_ABSENT', problem);
  }
  const needs = flags.force ? [] : needsOf(await cluster.listSites(undefined), nextCaHash, io);
  if (needs.length > 0) {
    const sites = listed(needs.map(({ name }) => name));
    const problem = `${caHash ?? 'the old CA'} is still needed by ${sites}: wait for them, or give --force to shut them out; they have to join again then`;
    throw new CliError('CA_NEEDED', problem);
  }
  await ask(cluster, ref, { action: flags.force ? 'force-retire' : 'retire', id: idOf(io) });
  await untilChanged(cluster, ref, (info) => info.nextCaHash === undefined);
  io.stdout.write(`${nextCaHash} is the only CA now: new join lines name it\n`);
}

/** Shows the CA, and while it is rolled which sites still need the old one. */
export async function showCa(flags: CaFlags, io: CliIo): Promise<void> {
  const { cluster, ref } = open(flags, io);
  const { caHash, nextCaHash } = await readCas(cluster, ref);
  io.stdout.write(`CA:    ${caHash ?? 'none is published'}\n`);
  if (nextCaHash === undefined) return;
  const needs = needsOf(await cluster.listSites(undefined), nextCaHash, io);
  io.stdout.write(`next:  ${nextCaHash}\n`);
  io.stdout.write(`sites that still need the first: ${needs.length}\n`);
  for (const { name, why } of needs) io.stdout.write(`  ${name}: ${why}\n`);
}

const nextSteps = [
  'Sites get it over their tunnels; join lines name the old one until no site needs that any more, or "towlinectl ca retire --force".',
  'If kube-apiserver verifies kubelets by the old CA (--kubelet-certificate-authority), add next.crt of Secret towline-ca to its file first.',
  'See "towlinectl ca status".',
  '',
].join('\n');

function open(flags: CaFlags, io: CliIo): { cluster: Cluster; ref: SiteRef } {
  requireNamespace(flags.providerNamespace);
  const { cluster } = openCluster(flags, io);
  return { cluster, ref: { namespace: flags.providerNamespace, name: providerInfoName } };
}

async function readCas(cluster: Cluster, ref: SiteRef): Promise<CaInfo> {
  const { caHash, nextCaHash } = await cluster.configMap(ref);
  return { caHash, nextCaHash };
}

function ask(cluster: Cluster, ref: SiteRef, { action, id }: CaRequest): Promise<void> {
  return cluster.annotateConfigMap(ref, { [caRequestAnnotation]: `${action} ${id}` });
}

function idOf(io: CliIo): string {
  return new Date(io.nowMs()).toISOString();
}

async function untilChanged(
  cluster: Cluster,
  ref: SiteRef,
  isDone: (info: CaInfo) => boolean,
): Promise<CaInfo> {
  const endMs = performance.now() + caWaitTimeoutMs;
  for (;;) {
    const info = await readCas(cluster, ref);
    if (isDone(info)) return info;
    if (performance.now() > endMs) break;
    await new Promise((resolve) => setTimeout(resolve, caWaitPollMs));
  }
  throw new CliError(
    'PROVIDER_SILENT',
    `the provider has not answered within ${caWaitTimeoutMs / 1000} s: check that it runs, and its log; it does what it was asked once it is back`,
  );
}

interface Need {
  name: string;
  why: string;
}

const reasons = {
  trust: 'its device has not had the next one yet',
  token: 'a join line for it can still be used',
};

function needsOf(sites: readonly Site[], nextCaHash: string, io: CliIo): Need[] {
  return sites.flatMap((site) => {
    const need = needOfOldCa(site, nextCaHash, io.nowMs());
    const name = `${site.metadata.namespace ?? ''}/${site.metadata.name}`;
    return need === undefined ? [] : [{ name, why: reasons[need] }];
  });
}

/** The first few of many. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, maxListedSites).join(', ');
  const more = names.length - maxListedSites;
  return more > 0 ? `${shown} and ${more} more` : shown;
}
