import { isLeaving, isRevoked, type Site } from '../../kube/site.ts';

/**
 * How a key stands to a Site: `known` is the one that joined last. `absent`: there is no such Site,
 * or it is being deleted and its device has nothing left to do.
 */
export type KeyVerdict = 'known' | 'unknown' | 'revoked' | 'absent';

/** Which keys can be known: the one that `joined` last, or `any` that an outside authority vouches for. */
export type KeyPolicy = 'joined' | 'any';

/** Judges a key by its hash, `sha256:<hex>` of its SubjectPublicKeyInfo. */
export function judgeKey(
  site: Site | undefined,
  publicKeyHash: string,
  keys: KeyPolicy = 'joined',
): KeyVerdict {
  if (site === undefined) return 'absent';
  if (site.metadata.deletionTimestamp !== undefined && !isLeaving(site)) return 'absent';
  if (isRevoked(site, publicKeyHash)) return 'revoked';
  return keys === 'any' || site.status?.publicKeyHash === publicKeyHash ? 'known' : 'unknown';
}
