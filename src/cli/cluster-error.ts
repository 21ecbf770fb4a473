import { ApiException } from '@kubernetes/client-node';
import { CliError } from './errors.ts';
import { requestTimeoutMs } from './limits.ts';

/** The part of a Kubernetes `Status` that tells errors apart. */
interface Status {
  message?: string;
  reason?: string;
  details?: { kind?: string; name?: string };
}

/** What a failed request means to a person. `what` completes "cannot …", as in `create site acme/shop`. */
export function clusterError(what: string, server: string, error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ApiException) return apiError(what, error.code, statusOf(error), error);
  const why = `cannot ${what}: the API server at ${server} ${troubleOf(error)}`;
  return new CliError('CLUSTER_UNREACHABLE', why, { cause: error });
}

/** What is wrong with a connection, and what to do. */
function troubleOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return `does not answer within ${requestTimeoutMs / 1000} s: check that it is up and reached from here, and --kubeconfig and --context`;
  }
  const cause = rootOf(error);
  const code = systemCodeOf(cause);
  if (code === undefined) {
    return `cannot be asked (${messageOf(cause)}): check its address in your kubeconfig, or choose another with --kubeconfig and --context`;
  }
  if (certificateTroubles.test(code)) {
    return `shows a certificate that your kubeconfig does not vouch for (${code}): check --kubeconfig and --context, and that nothing in between opens TLS`;
  }
  return `does not answer (${code}): check that it is up, and --kubeconfig and --context`;
}

/** Codes of OpenSSL's verification, and Node's for a host name that doesn't fit. */
const certificateTroubles = /CERT|UNABLE_TO_|SELF_SIGNED|INVALID_CA|INVALID_PURPOSE|ALTNAME/;

function apiError(what: string, http: number, status: Status | undefined, cause: Error): CliError {
  const fail = (code: CliError['code'], why: string): CliError =>
    new CliError(code, `cannot ${what}: ${why}`, { cause });
  switch (http) {
    case 401:
      return fail(
        'UNAUTHORIZED',
        'the API server does not know you: check the user in your kubeconfig',
      );
    case 403:
      return fail(
        'FORBIDDEN',
        `${status?.message ?? 'you are not allowed to'}: have the ClusterRole towline-site-admin, or towline-site-viewer to look only, bound to you`,
      );
    case 404:
      return notFound(fail, status);
    case 409:
      return status?.reason === 'AlreadyExists'
        ? fail(
            'ALREADY_EXISTS',
            'it exists already; "towlinectl site token" lets another device join it',
          )
        : fail('REQUEST_FAILED', 'it was changed in the same moment: try again');
    default:
      return fail('REQUEST_FAILED', status?.message ?? `the API server answered ${http}`);
  }
}

/** A missing kind gives a 404 without details. */
function notFound(
  fail: (code: CliError['code'], why: string) => CliError,
  status: Status | undefined,
): CliError {
  const { kind, name } = status?.details ?? {};
  if (kind === 'namespaces') {
    const namespace = name ?? '';
    return fail(
      'NAMESPACE_NOT_FOUND',
      `there is no namespace ${namespace}: make it with "kubectl create namespace ${namespace}"`,
    );
  }
  if (name === undefined) {
    return fail(
      'NOT_INSTALLED',
      'the cluster has no sites.towline.dev: install Towline with "kubectl apply -f manifests/"',
    );
  }
  return fail('NOT_FOUND', 'there is none of that name; "towlinectl site list -A" shows all');
}

function statusOf(error: ApiException<unknown>): Status | undefined {
  try {
    const body: unknown = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
    return typeof body === 'object' && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

/** fetch wraps what happened, once or more. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;
}

function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
