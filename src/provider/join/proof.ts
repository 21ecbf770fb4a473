import { verify, type KeyObject } from 'node:crypto';
import { joinProofText, type JoinRequest } from '../../protocol/join.ts';
import { parsePublicKey } from '../pki/public-key.ts';
import { JoinRefusedError } from './errors.ts';

/**
 * The public key of a join request, once it is shown that the device holds its private key.
 * @throws PkiError `KEY_UNSUPPORTED`; JoinRefusedError `PROOF_INVALID`.
 */
export function provenKeyOf(request: JoinRequest): KeyObject {
  const key = parsePublicKey(Buffer.from(request.publicKey, 'base64'));
  const proof = Buffer.from(request.proof, 'base64');
  const valid = verify(
    'sha256',
    Buffer.from(joinProofText(request)),
    { key, dsaEncoding: 'der' },
    proof,
  );
  if (valid) return key;
  throw new JoinRefusedError(
    'PROOF_INVALID',
    'the request is not signed with the private key of its public key: join again',
  );
}
