/**
 * What can be wrong with bytes on the wire, or with a value that is to become bytes:
 * `MALFORMED` not valid protobuf or gRPC framing, `TOO_LARGE` over a limit of limits.ts,
 * `COMPRESSED` a gRPC frame in a compression that was never offered,
 * `BAD_VALUE` a number that the field's type cannot hold.
 */
export type WireErrorCode = 'MALFORMED' | 'TOO_LARGE' | 'COMPRESSED' | 'BAD_VALUE';

/** Thrown while encoding or decoding; the gRPC channel turns it into a CriError that names the call. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
