/** What can be wrong with the provider's own certificates. */
export type PkiErrorCode =
  /** The stored CA can't be read, or its key and certificate don't belong together. */
  | 'CA_INVALID'
  /** A public key that is not ECDSA on P-256. */
  | 'KEY_UNSUPPORTED'
  /** A name that no certificate can carry. */
  | 'NAME_INVALID'
  /** Certificate, key and bundle of an outside SPIFFE authority can't be used. */
  | 'SVID_INVALID'
  /** The cluster's signer, or whoever approves for it, said no. */
  | 'SIGNING_REFUSED';

/** A certificate or key that the provider can't use or make. */
export class PkiError extends Error {
  readonly code: PkiErrorCode;

  constructor(code: PkiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PkiError';
    this.code = code;
  }
}
