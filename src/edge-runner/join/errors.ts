/** Why a device could not join, or has no identity to run with. */
export type JoinErrorCode =
  /** The command line is wrong. */
  | 'USAGE'
  /** Nobody answers at the provider's addresses. */
  | 'PROVIDER_UNREACHABLE'
  /** Somebody answers who isn't the provider that the join line means. */
  | 'PROVIDER_UNTRUSTED'
  /** The connection broke before the answer came; the provider may have redeemed the token. */
  | 'CONNECTION_LOST'
  /** The provider answered, and not as one of this version does. */
  | 'RESPONSE_INVALID'
  /** The provider refused; see `JoinRefusal` in src/protocol for the reasons. */
  | 'TOKEN_UNKNOWN'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_USED'
  | 'TOKEN_OF_OTHER_SITE'
  | 'SITE_NOT_FOUND'
  | 'SITE_REVOKED'
  | 'KEY_UNKNOWN'
  | 'PROOF_INVALID'
  | 'REQUEST_INVALID'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'
  /** The device has joined before. */
  | 'IDENTITY_EXISTS'
  | 'IDENTITY_MISSING'
  | 'IDENTITY_INVALID'
  /** The key that is kept outside of the state directory is missing, unfit or another one. */
  | 'KEY_UNUSABLE'
  /** The state directory can't be read or written. */
  | 'STATE_DIR_UNUSABLE'
  | 'ABORTED';

/** The message is one line for the person at the device: what, on what, why, and what to do. */
export class JoinError extends Error {
  readonly code: JoinErrorCode;

  constructor(code: JoinErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JoinError';
    this.code = code;
  }
}

/** The code of a system error, as `ECONNREFUSED`. */
export function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
