import type { X509Certificate } from 'node:crypto';
import type { SiteId } from '../pki/site-identity.ts';

/** Who is at the other end of a site's connection. */
export interface SitePeer {
  site: SiteId;
  /** Shown in the handshake, and good at that time. */
  certificate: X509Certificate;
  publicKeyHash: string;
  /** `trustDigestOf` the CAs that the site trusts; a site that has its identity from elsewhere says none. */
  trustDigest: string | undefined;
}
