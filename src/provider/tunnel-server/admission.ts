import type { X509Certificate } from 'node:crypto';
import type { Site } from '../../kube/site.ts';
import { judgeKey, type KeyPolicy } from '../join/site-key.ts';
import { siteIdentityOf, type PeerRules, type SiteId } from '../pki/site-identity.ts';

/** Sites as a cache has them, and as the cluster has them now. */
export interface TunnelSites {
  cached(site: SiteId): Site | undefined;
  /** `undefined` when there is none. Rejects when the cluster can't be asked. */
  read(site: SiteId, signal?: AbortSignal): Promise<Site | undefined>;
}

/** `reason` is one line for the person at the device. */
export type Admission =
  | { ok: true; site: SiteId; publicKeyHash: string }
  | { ok: false; status: 401 | 403 | 503; reason: string };

/**
 * Decides whether the holder of a certificate may open the tunnel of a site: the certificate is
 * good, the Site exists and isn't going away, and the key is the one that joined last.
 * The cluster is asked only when the cache says no, for a site may have joined a moment ago.
 */
export async function admit(
  certificate: X509Certificate | undefined,
  rules: PeerRules,
  sites: TunnelSites,
  signal?: AbortSignal,
  chainFault?: string,
): Promise<Admission> {
  const peer = siteIdentityOf(certificate, rules, chainFault);
  if (!peer.ok) {
    const advice = peer.renewable
      ? 'it is renewed by the key with which the site joined'
      : 'join this device again';
    return { ok: false, status: 401, reason: `${peer.reason}: ${advice}` };
  }
  const judge = (site: Site | undefined): Admission =>
    judgeSite(site, peer.site, peer.publicKeyHash, rules.keys);
  const cached = judge(sites.cached(peer.site));
  if (cached.ok) return cached;
  try {
    return judge(await sites.read(peer.site, signal));
  } catch {
    const reason = 'the provider cannot reach its cluster at the moment: it is worth another try';
    return { ok: false, status: 503, reason };
  }
}

function judgeSite(
  site: Site | undefined,
  id: SiteId,
  publicKeyHash: string,
  keys: KeyPolicy,
): Admission {
  const name = `site ${id.tenant}/${id.name}`;
  switch (judgeKey(site, publicKeyHash, keys)) {
    case 'known':
      return { ok: true, site: id, publicKeyHash };
    case 'absent':
      return forbidden(
        site === undefined
          ? `${name} does not exist any more: create it, and join this device again`
          : `${name} is being deleted`,
      );
    case 'revoked':
      return forbidden(
        `${name} was revoked: its pods go on here; join this device again with a new token to bring it back`,
      );
    case 'unknown':
      return forbidden(
        `${name} has been joined with another key since: join this device again to make it the site's own`,
      );
  }
}

function forbidden(reason: string): Admission {
  return { ok: false, status: 403, reason };
}
