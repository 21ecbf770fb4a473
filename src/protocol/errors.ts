/** What can be wrong with a message of the other end. */
export type ProtocolErrorCode =
  /** The message is not of any form this version knows. */
  | 'INVALID_MESSAGE'
  /** The other end speaks a version that this one doesn't. */
  | 'VERSION_UNSUPPORTED'
  /** A delta grew over its limit. */
  | 'DELTA_TOO_LARGE'
  /** A patch doesn't fit the object that it is for. */
  | 'PATCH_MISMATCH'
  /** More reports than an honest site has. */
  | 'TOO_MANY_REPORTS'
  /** The stream ended before a whole message had come. */
  | 'STREAM_ENDED';

/** A message from the other end that breaks the protocol; its stream is reset. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProtocolError';
    this.code = code;
  }
}
