/** Why a command of towlinectl failed. */
export type CliErrorCode =
  /** A flag or argument is wrong. */
  | 'USAGE'
  /** No kubeconfig, or one without the context that was asked for. */
  | 'CONFIG_INVALID'
  | 'CLUSTER_UNREACHABLE'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'NAMESPACE_NOT_FOUND'
  | 'ALREADY_EXISTS'
  /** The cluster doesn't know Sites. */
  | 'NOT_INSTALLED'
  /** The provider has not published how sites reach it. */
  | 'PROVIDER_UNKNOWN'
  /** The provider does not do what it was asked. */
  | 'PROVIDER_SILENT'
  /** The CA is being rolled already. */
  | 'CA_ROLL_UNDER_WAY'
  /** The CA is not being rolled. */
  | 'CA_ROLL_ABSENT'
  /** Sites would be shut out without the old CA. */
  | 'CA_NEEDED'
  /** There are no join tokens: a SPIFFE authority gives out the identities. */
  | 'NO_JOINING'
  /** The cluster refused the object, or failed. */
  | 'REQUEST_FAILED';

/** The message is one line for the person at the terminal: what, why, and what to do. */
export class CliError extends Error {
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.code = code;
  }
}
