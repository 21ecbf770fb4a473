import type { Logger } from 'pino';
import { ProviderError } from './errors.ts';
import { providerInfoName } from './join/provider-info.ts';
import { isKubeApiError } from './kube-client/kube-api-error.ts';
import type { KubeClient, ServerVersion } from './kube-client/kube-client.ts';
import { type ResourceType, resources } from './kube-client/resource-type.ts';
import type { ProviderOptions } from './options.ts';
import { caSecretName } from './pki/ca-secret.ts';
import { servingSecretName } from './pki/serving-secret.ts';
import { preflightTimeoutMs, progressAfterMs } from './limits.ts';

interface Permission {
  type: ResourceType;
  verbs: string[];
  subresource?: string;
  namespace?: string;
  name?: string;
}

/** What the provider must be allowed to do; manifests grant it. */
function permissions({ namespace, kubeletServing }: Wanted): Permission[] {
  return [
    ...(kubeletServing === 'cluster' ? ofClusterServing(namespace) : []),
    { type: resources.sites, verbs: ['get', 'list', 'watch', 'patch'] },
    { type: resources.sites, subresource: 'status', verbs: ['patch', 'update'] },
    { type: resources.nodes, verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
    { type: resources.nodes, subresource: 'status', verbs: ['patch'] },
    { type: resources.pods, verbs: ['list', 'watch', 'patch', 'delete'] },
    { type: resources.pods, subresource: 'status', verbs: ['patch'] },
    { type: resources.configMaps, verbs: ['get', 'list', 'watch'] },
    { type: resources.secrets, verbs: ['get'] },
    { type: resources.persistentVolumeClaims, verbs: ['get', 'list', 'watch'] },
    { type: resources.persistentVolumes, verbs: ['list', 'watch'] },
    { type: resources.secrets, verbs: ['create'], namespace },
    { type: resources.secrets, verbs: ['patch'], namespace, name: caSecretName },
    { type: resources.configMaps, verbs: ['create'], namespace },
    { type: resources.configMaps, verbs: ['patch'], namespace, name: providerInfoName },
    { type: resources.events, verbs: ['create', 'patch'] },
    { type: resources.leases, verbs: ['create', 'patch'], namespace: 'kube-node-lease' },
    { type: resources.serviceAccounts, subresource: 'token', verbs: ['create'] },
    { type: resources.tokenReviews, verbs: ['create'] },
    { type: resources.subjectAccessReviews, verbs: ['create'] },
  ];
}

/** manifests/kubelet-serving.yaml grants it. */
function ofClusterServing(namespace: string): Permission[] {
  return [
    { type: resources.certificateSigningRequests, verbs: ['create', 'get'] },
    { type: resources.secrets, verbs: ['patch'], namespace, name: servingSecretName },
  ];
}

type Wanted = Pick<ProviderOptions, 'namespace' | 'kubeletServing'>;

/**
 * Looks, before anything is started, whether the provider can work in this cluster.
 * @throws ProviderError `API_SERVER_UNREACHABLE`, `CRD_MISSING`, `PERMISSION_MISSING`.
 */
export async function preflight(
  client: KubeClient,
  options: Wanted & { server: string; signal: AbortSignal; log: Logger },
): Promise<ServerVersion> {
  const { server, log } = options;
  const timeout = AbortSignal.timeout(preflightTimeoutMs);
  const signal = AbortSignal.any([options.signal, timeout]);
  const progress = setTimeout(() => {
    log.info({ server }, 'waiting for the API server');
  }, progressAfterMs);
  try {
    const version = await client.serverVersion({ signal });
    await requireSites(client, signal);
    await requirePermissions(client, options, signal);
    return version;
  } catch (error) {
    if (timeout.aborted && !options.signal.aborted) throw tooLate(server, error);
    throw toProviderError(error, server);
  } finally {
    clearTimeout(progress);
  }
}

async function requireSites(client: KubeClient, signal: AbortSignal): Promise<void> {
  const { group, version, plural } = resources.sites;
  const missing = new ProviderError(
    'CRD_MISSING',
    `the cluster has no resource ${plural}.${group}/${version}: apply manifests/crd.yaml`,
  );
  try {
    const list = await client.getPath<{ resources?: { name: string }[] }>(
      `/apis/${group}/${version}`,
      { signal },
    );
    if (list.resources?.some(({ name }) => name === plural) !== true) throw missing;
  } catch (error) {
    throw isKubeApiError(error, 'NOT_FOUND') ? missing : error;
  }
}

async function requirePermissions(
  client: KubeClient,
  options: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const wanted = permissions(options).flatMap((permission) =>
    permission.verbs.map((verb) => ({ ...permission, verb })),
  );
  const answers = await Promise.all(
    wanted.map(async (permission) => ({
      permission,
      allowed: await isAllowed(client, permission, signal),
    })),
  );
  const missing = answers.filter(({ allowed }) => !allowed).map(({ permission }) => permission);
  if (missing.length === 0) return;
  throw new ProviderError(
    'PERMISSION_MISSING',
    `the provider's user may not ${listed(missing.map(describe))}: apply manifests/rbac.yaml${options.kubeletServing === 'cluster' ? ' and manifests/kubelet-serving.yaml' : ''}, or run as the service account that it binds`,
  );
}

/** The first few of many. */
function listed(items: string[]): string {
  const shown = items.slice(0, maxListed).join(', ');
  return items.length > maxListed ? `${shown} and ${items.length - maxListed} things more` : shown;
}

const maxListed = 5;

interface AccessReview {
  status?: { allowed?: boolean };
}

/** Whether the provider's user may do something. @throws KubeApiError */
export async function isAllowed(
  client: Pick<KubeClient, 'create'>,
  { type, subresource, namespace, name, verb }: Permission & { verb: string },
  signal: AbortSignal,
): Promise<boolean> {
  const resourceAttributes = {
    group: type.group,
    resource: type.plural,
    verb,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
  const review = await client.create<AccessReview>(
    resources.selfSubjectAccessReviews,
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    },
    { signal },
  );
  return review.status?.allowed === true;
}

function describe({ verb, type, subresource, namespace }: Permission & { verb: string }): string {
  const resource = subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
  return `${verb} ${resource}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

function tooLate(server: string, cause: unknown): ProviderError {
  return new ProviderError(
    'API_SERVER_UNREACHABLE',
    `the API server ${server} does not answer within ${preflightTimeoutMs / 1000} s: check that it is up and reached from here, and the kubeconfig`,
    { cause },
  );
}

function toProviderError(error: unknown, server: string): unknown {
  const reason = error instanceof Error ? codeOf(error.cause) : undefined;
  if (reason !== undefined && certificateTroubles.test(reason)) {
    return new ProviderError(
      'API_SERVER_UNREACHABLE',
      `the API server ${server} shows a certificate that the kubeconfig does not vouch for (${reason}): check the kubeconfig, and that nothing in between opens TLS`,
      { cause: error },
    );
  }
  if (isKubeApiError(error, 'UNREACHABLE', 'TIMEOUT', 'SERVER_ERROR')) {
    return new ProviderError(
      'API_SERVER_UNREACHABLE',
      `the API server ${server} does not answer: ${error.message}; check the kubeconfig and that it is up`,
      { cause: error },
    );
  }
  if (isKubeApiError(error, 'UNAUTHORIZED', 'FORBIDDEN')) {
    return new ProviderError(
      'PERMISSION_MISSING',
      `the API server ${server} turns the provider away: ${error.message}; check the credentials in the kubeconfig`,
      { cause: error },
    );
  }
  return error;
}

/** Codes of OpenSSL's verification, and Node's for a host name that doesn't fit. */
const certificateTroubles = /CERT|UNABLE_TO_|SELF_SIGNED|INVALID_CA|INVALID_PURPOSE|ALTNAME/;

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
