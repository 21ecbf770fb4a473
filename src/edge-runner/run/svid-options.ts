import { isSpiffeId } from '../../tunnel/svid.ts';
import { RunnerError } from '../errors.ts';
import { parseProviderAddresses } from '../join/provider-address.ts';
import type { SvidOptions } from '../join/svid-credentials.ts';

export const svidHelp = `
Instead of joining, with an identity by a SPIFFE authority (all of these together):

  --svid-file FILE     X.509-SVID of spiffe://TRUST-DOMAIN/tenant/TENANT/site/SITE, as spiffe-helper
                       writes it; read again for each connection
  --svid-key-file FILE its key
  --svid-bundle-file FILE
                       CAs of the trust domain
  --provider ADDRESS   wss://host:port of the provider; several separated by commas
  --provider-id ID     SPIFFE ID of the provider
`;

export const svidOptionTypes = {
  'svid-file': { type: 'string' },
  'svid-key-file': { type: 'string' },
  'svid-bundle-file': { type: 'string' },
  provider: { type: 'string' },
  'provider-id': { type: 'string' },
} as const;

type Values = { [K in keyof typeof svidOptionTypes]?: string | undefined };

/** `undefined` where none of them is given. @throws RunnerError `USAGE`; JoinError `USAGE` for an address */
export function parseSvidOptions(values: Values): SvidOptions | undefined {
  const { 'svid-file': certificate, 'svid-key-file': privateKey } = values;
  const { 'svid-bundle-file': bundle, provider, 'provider-id': providerId } = values;
  const all = [certificate, privateKey, bundle, provider, providerId];
  if (all.every((value) => value === undefined)) return undefined;
  if (!certificate || !privateKey || !bundle || !provider || !providerId) {
    throw new RunnerError(
      'USAGE',
      `--svid-file: give ${Object.keys(svidOptionTypes)
        .map((name) => `--${name}`)
        .join(', ')} together`,
    );
  }
  if (!isSpiffeId(providerId)) {
    throw new RunnerError(
      'USAGE',
      `--provider-id: "${providerId}" is no SPIFFE ID, as in spiffe://example.org/towline`,
    );
  }
  const addresses = parseProviderAddresses(provider).map(({ url }) => url);
  return { certificate, privateKey, bundle, addresses, providerId };
}
