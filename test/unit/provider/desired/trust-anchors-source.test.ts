import t from 'tap';
import type { ClusterTrustBundle } from '../../../../src/kube/api.ts';
import { trustAnchorsName } from '../../../../src/kube/trust-anchors.ts';
import type { Known } from '../../../../src/provider/desired/object-source.ts';
import { trustAnchorsSource } from '../../../../src/provider/desired/trust-anchors-source.ts';
import { CacheFake } from './desired-fixture.ts';

function pem(body: string): string {
  return `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
}

function bundle(
  name: string,
  trustBundle: string,
  signerName?: string,
  labels: Record<string, string> = {},
): ClusterTrustBundle {
  return {
    metadata: { name, labels },
    spec: { trustBundle, ...(signerName === undefined ? {} : { signerName }) },
  };
}

function certificates(known: Known): unknown {
  return known.kind === 'present' ? known.object.object['certificates'] : known.kind;
}

void t.test('a bundle is brought by its name, and those of a signer by their labels', (t) => {
  const cache = new CacheFake<ClusterTrustBundle>();
  cache.set(bundle('plain', pem('AAAA')));
  cache.set(bundle('s:1', pem('BBBB'), 's', { live: 'yes' }));
  cache.set(bundle('s:2', pem('CCCC'), 's', { live: 'no' }));
  cache.set(bundle('other:1', pem('DDDD'), 'other', { live: 'yes' }));
  const source = trustAnchorsSource(cache);
  const path = 'ca';
  let changes = 0;
  const hold = (projection: object): ReturnType<typeof source.hold> =>
    source.hold('', trustAnchorsName({ path, ...projection }) ?? '', () => (changes += 1));
  const byName = hold({ name: 'plain' });
  const live = hold({ signerName: 's', labelSelector: { matchLabels: { live: 'yes' } } });
  const all = hold({ signerName: 's', labelSelector: {} });
  const none = hold({ signerName: 's' });
  t.equal(certificates(byName.known), pem('AAAA'));
  t.equal(certificates(live.known), pem('BBBB'));
  t.equal(certificates(all.known), pem('BBBB') + pem('CCCC'));
  t.equal(certificates(none.known), 'absent');
  cache.set(bundle('s:2', pem('CCCC'), 's', { live: 'yes' }));
  t.equal(certificates(live.known), pem('BBBB') + pem('CCCC'));
  t.equal(changes, 1, 'only who selects them is told');
  cache.set(bundle('s:1', pem('BBBB'), 's', { live: 'no' }));
  t.equal(certificates(live.known), pem('CCCC'), 'also of one that left the selection');
  cache.delete(bundle('plain', ''));
  t.equal(certificates(byName.known), 'absent');
  t.end();
});

void t.test('where none are served there are none', (t) => {
  const hold = trustAnchorsSource(undefined).hold('', '{"name":"a"}', () => undefined);
  t.same(hold.known, { kind: 'absent' });
  hold.release();
  t.end();
});
