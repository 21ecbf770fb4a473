import { messageOf, nodeErrorCode, TunnelError, type TunnelErrorCode } from './errors.ts';

const refused = new Set(['ECONNREFUSED']);
const unreachable = new Set([
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EHOSTDOWN',
]);
const lost = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);
const untrusted = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  // Node's for a certificate that OpenSSL refuses for a reason without a name of its own.
  'UNSPECIFIED',
]);

/** An error of a socket on the way to `what`, as one of this room's codes. */
export function dialError(error: unknown, what: string, address: string): TunnelError {
  if (error instanceof TunnelError) return error;
  const code = codeOf(nodeErrorCode(error));
  return new TunnelError(code, `${what}: ${explanation(code, error)}`, { cause: error, address });
}

function codeOf(nodeCode: string): TunnelErrorCode {
  if (refused.has(nodeCode)) return 'CONNECTION_REFUSED';
  if (unreachable.has(nodeCode)) return 'UNREACHABLE';
  if (lost.has(nodeCode)) return 'CONNECTION_LOST';
  if (nodeCode === 'ETIMEDOUT') return 'TIMEOUT';
  if (['ENOTFOUND', 'EAI_AGAIN', 'ENODATA'].includes(nodeCode)) return 'DNS_FAILED';
  if (untrusted.has(nodeCode)) return 'TLS_UNTRUSTED';
  if (nodeCode.startsWith('ERR_SSL') || nodeCode.startsWith('ERR_TLS')) return 'TLS_FAILED';
  return 'CONNECTION_LOST';
}

function explanation(code: TunnelErrorCode, error: unknown): string {
  const detail = messageOf(error);
  switch (code) {
    case 'CONNECTION_REFUSED':
      return 'connection refused; is the provider running, and is the port right?';
    case 'UNREACHABLE':
      return `unreachable (${detail}); check the network of this device`;
    case 'DNS_FAILED':
      return `the name can't be resolved (${detail}); check the name and this device's DNS`;
    case 'TLS_UNTRUSTED':
      return `its certificate is not the one expected (${detail}); is this the provider that the site belongs to, and is the clock right?`;
    case 'TLS_FAILED':
      return `TLS failed (${detail}); the provider may have turned down this device's certificate`;
    case 'TIMEOUT':
      return 'no answer in time';
    default:
      return `the connection broke (${detail})`;
  }
}
