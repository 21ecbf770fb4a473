import { ApiException } from '@kubernetes/client-node';
import { CliError } from './errors.ts';

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
  const code = systemCodeOf(error);
  const why = code ?? (error instanceof Error ? error.message : String(error));
  return new CliError(
    'CLUSTER_UNREACHABLE',
    `cannot ${what}: the API server at ${server} does not answer (${why}): check --kubeconfig and --context`,
    { cause: error },
  );
}

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
      return fail('FORBIDDEN', status?.message ?? 'you are not allowed to');
    case 404:
      return notFound(fail, status);
    case 409:
      return status?.reason === 'AlreadyExists'
        ? fail('ALREADY_EXISTS', 'it exists already')
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

function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return systemCodeOf(error.cause);
}
