/** Why the provider can't start. */
export type ProviderErrorCode =
  /** A flag or environment variable that can't be used. */
  | 'FLAG_INVALID'
  /** The cluster lacks the Site resource. */
  | 'CRD_MISSING'
  /** The provider's user may not do what it must. */
  | 'PERMISSION_MISSING'
  /** The API server doesn't answer. */
  | 'API_SERVER_UNREACHABLE'
  /** The cluster's objects didn't come in time. */
  | 'SYNC_TIMEOUT';

/** A reason for the provider to end at once; the message is one line for a person. */
export class ProviderError extends Error {
  readonly code: ProviderErrorCode;

  constructor(code: ProviderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProviderError';
    this.code = code;
  }
}
