import t from 'tap';
import { parseRunOptions } from '../../../../src/edge-runner/run/run-options.ts';

const all = [
  ...['--svid-file', 'svid.pem', '--svid-key-file', 'svid_key.pem'],
  ...[
    '--svid-bundle-file',
    'svid_bundle.pem',
    '--provider',
    'wss://a.example,wss://b.example:8443',
  ],
  ...['--provider-id', 'spiffe://example.org/towline'],
];

void t.test('an identity by an outside authority is given whole', (t) => {
  t.match(parseRunOptions(all), {
    svid: {
      certificate: 'svid.pem',
      privateKey: 'svid_key.pem',
      bundle: 'svid_bundle.pem',
      addresses: ['wss://a.example:443', 'wss://b.example:8443'],
      providerId: 'spiffe://example.org/towline',
    },
  });
  t.match(parseRunOptions([]), { svid: undefined });
  for (let left = 0; left < all.length; left += 2) {
    t.throws(() => parseRunOptions(all.toSpliced(left, 2)), { code: 'USAGE', message: /together/ });
  }
  t.throws(() => parseRunOptions([...all.slice(0, -1), 'example.org/towline']), {
    code: 'USAGE',
    message: /is no SPIFFE ID/,
  });
  t.end();
});
