import { createHash, timingSafeEqual } from 'node:crypto';
import type { Site } from '../../kube/site.ts';

/** What becomes of a join: `reissue` is a repeat of one whose answer may have been lost. */
export type TokenVerdict = 'redeem' | 'reissue' | 'TOKEN_UNKNOWN' | 'TOKEN_EXPIRED' | 'TOKEN_USED';

/** What a Site stores of a token: `sha256:<hex>`. */
export function tokenHashOf(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`;
}

/**
 * Judges a token for a Site. `TOKEN_EXPIRED` and `TOKEN_USED` are told only to who presents the very
 * token; for a Site that doesn't exist, is going away or has no token the verdict is
 * `TOKEN_UNKNOWN` as for a wrong one, so that nobody finds out which sites there are.
 *
 * A used token is accepted again for the same key until it expires: the device that redeemed it is
 * asking once more, because the answer didn't reach it.
 */
export function judgeToken(
  site: Site | undefined,
  presented: { tokenHash: string; publicKeyHash: string },
  nowMs: number,
): TokenVerdict {
  const status = site?.status ?? {};
  const join = site?.metadata.deletionTimestamp === undefined ? site?.spec?.join : undefined;
  const used = sameHash(status.redeemedTokenHash, presented.tokenHash);
  const known = sameHash(join?.tokenHash, presented.tokenHash);
  if (!known || join === undefined) return used ? 'TOKEN_USED' : 'TOKEN_UNKNOWN';
  const expired = !(nowMs < Date.parse(join.expiresAt));
  if (!used) return expired ? 'TOKEN_EXPIRED' : 'redeem';
  const sameKey = status.publicKeyHash === presented.publicKeyHash;
  return sameKey && !expired ? 'reissue' : 'TOKEN_USED';
}

/** Compares in time that doesn't depend on where they differ. */
function sameHash(stored: string | undefined, presented: string): boolean {
  const a = Buffer.from(stored ?? '');
  const b = Buffer.from(presented);
  return a.length === b.length && timingSafeEqual(a, b);
}
