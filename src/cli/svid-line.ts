import type { SiteRef } from './cluster.ts';
import type { SpiffeProvider } from './provider-info.ts';

/** The line to run on a device that has an SVID, in the files that spiffe-helper writes. */
export function svidLine(provider: SpiffeProvider): string {
  return [
    'towline-runner run',
    '--svid-file svid.pem --svid-key-file svid_key.pem --svid-bundle-file svid_bundle.pem',
    `--provider ${provider.address}`,
    `--provider-id ${provider.spiffeId}`,
  ].join(' ');
}

/** The SPIFFE ID by which a device is this site, in the provider's trust domain. */
export function siteSpiffeId(provider: SpiffeProvider, site: SiteRef): string {
  const [, trustDomain = ''] = /^spiffe:\/\/([^/]*)/.exec(provider.spiffeId) ?? [];
  return `spiffe://${trustDomain}/tenant/${site.namespace}/site/${site.name}`;
}
