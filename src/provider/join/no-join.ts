import type { JoinResponse } from '../../protocol/join.ts';
import { JoinRefusedError } from './errors.ts';

/** Lets nobody join, and renews nothing: who a site is says an outside authority. */
export class NoJoin {
  join(): Promise<JoinResponse> {
    return Promise.reject(refusal());
  }

  renew(): Promise<JoinResponse> {
    return Promise.reject(refusal());
  }
}

function refusal(): JoinRefusedError {
  return new JoinRefusedError(
    'REQUEST_INVALID',
    'sites of this provider have their certificates from a SPIFFE authority: start the runner with --svid-file, without a join',
  );
}
