import * as v from 'valibot';

/** Path of the join request, HTTP POST over TLS without a client certificate. */
export const joinPath = '/v1/join';

/**
 * Path of a certificate's renewal outside of the tunnel, HTTP POST without a body over TLS with the
 * site's certificate, whatever its dates and whoever issued it: what counts is its key. Answered as a
 * join is.
 */
export const renewPath = '/v1/renew';

/** Path of the tunnel's WebSocket. */
export const tunnelPath = '/v1/tunnel';

/**
 * What a device sends to join. `proof` is an ECDSA signature (P-256, SHA-256, DER, base64) over
 * `joinProofText`, and shows that the device has the private key of `publicKey`
 * (SubjectPublicKeyInfo, DER, base64).
 */
export const joinRequest = v.object({
  tenant: v.string(),
  site: v.string(),
  token: v.string(),
  publicKey: v.string(),
  proof: v.string(),
});
export type JoinRequest = v.InferOutput<typeof joinRequest>;

/** The text that a joining device signs. */
export function joinProofText(request: Omit<JoinRequest, 'proof'>): string {
  return ['towline-join-v1', request.tenant, request.site, request.token, request.publicKey].join(
    '\n',
  );
}

/** Certificates in PEM: the site's own (with any intermediates), and the CAs to trust. */
export const joinResponse = v.object({ certificate: v.string(), ca: v.string() });
export type JoinResponse = v.InferOutput<typeof joinResponse>;

/** Why a join or a renewal was refused; `message` is for the person at the device. */
export const joinRefusal = v.object({
  code: v.picklist([
    'TOKEN_UNKNOWN',
    'TOKEN_EXPIRED',
    'TOKEN_USED',
    'TOKEN_OF_OTHER_SITE',
    'SITE_NOT_FOUND',
    'SITE_REVOKED',
    'KEY_UNKNOWN',
    'PROOF_INVALID',
    'REQUEST_INVALID',
    'RATE_LIMITED',
    'UNAVAILABLE',
  ]),
  message: v.string(),
});
export type JoinRefusal = v.InferOutput<typeof joinRefusal>;
