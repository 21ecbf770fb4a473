import { isRevoked, type Site } from './site.ts';

/**
 * Annotation of ConfigMap `towline-provider` with which a person asks the provider for something about
 * its CA: `rotate ID`, `retire ID` or `force-retire ID`. What was carried out is not carried out again for the same ID.
 */
export const caRequestAnnotation = 'towline.dev/ca-request';

export interface CaRequest {
  /**
   * `rotate`: make the next CA. `retire`: give up the current one if no site needs it; `force-retire`: whoever
   * still needs it.
   */
  action: 'rotate' | 'retire' | 'force-retire';
  id: string;
}

const actions = ['rotate', 'retire', 'force-retire'] as const;

/** Reads the annotation; `undefined` for what is none. */
export function parseCaRequest(text: string | undefined): CaRequest | undefined {
  const [, word, id] = /^([a-z-]+) ([\w.:-]{1,64})$/.exec(text ?? '') ?? [];
  const action = actions.find((known) => known === word);
  return id === undefined || action === undefined ? undefined : { action, id };
}

/**
 * What a Site still needs the CA for that is to go, while `nextHash` is that of the one that follows
 * (`sha256:<hex>`): `trust`, for its device is not known to have the next one; `token`, for a join line
 * that can still be used names the old one.
 */
export function needOfOldCa(
  site: Site,
  nextHash: string,
  nowMs: number,
): 'trust' | 'token' | undefined {
  const { publicKeyHash, redeemedTokenHash, caHash } = site.status ?? {};
  const isIn = publicKeyHash !== undefined && !isRevoked(site, publicKeyHash);
  if (isIn && caHash !== nextHash) return 'trust';
  const { join } = site.spec ?? {};
  const isOpen = join !== undefined && join.tokenHash !== redeemedTokenHash;
  return isOpen && Date.parse(join.expiresAt) > nowMs ? 'token' : undefined;
}
