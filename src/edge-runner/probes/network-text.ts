import { isIPv6 } from 'node:net';

/** `host:port`, with brackets around an IPv6 address. */
export function joinHostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Why a connection failed, in the words of Go's `net` that a kubelet's events have. */
export function dialProblem(address: string, error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `dial tcp: lookup ${address.replace(/:\d+$/, '')}: no such host`;
  }
  return `dial tcp ${address}: connect: ${systemProblem(error)}`;
}

/** A dial that took too long, in the same words. */
export function dialTimeout(address: string): string {
  return `dial tcp ${address}: i/o timeout`;
}

/** What the system said, in the words of errno(3). */
export function systemProblem(error: unknown): string {
  const known = wordsOf[codeOf(error)];
  if (known !== undefined) return known;
  return error instanceof Error ? error.message : String(error);
}

/** Node's code of an error, `''` when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

const wordsOf: Partial<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  EPIPE: 'broken pipe',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'cannot assign requested address',
};
