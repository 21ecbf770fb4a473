/** Why the tunnel's listener could not be opened. */
export type TunnelServerErrorCode =
  | 'PORT_IN_USE'
  /** The address isn't one of this machine's, or the port needs more rights. */
  | 'LISTEN_FAILED';

export class TunnelServerError extends Error {
  readonly code: TunnelServerErrorCode;

  constructor(code: TunnelServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TunnelServerError';
    this.code = code;
  }
}
