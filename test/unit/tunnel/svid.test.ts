import t from 'tap';
import { isSpiffeId, spiffeIdIn } from '../../../src/tunnel/svid.ts';

const id = 'spiffe://example.org/tenant/acme/site/shop';

void t.test('a certificate is known by exactly one URI, whatever other names it has', (t) => {
  t.equal(spiffeIdIn(`URI:${id}`), id);
  t.equal(spiffeIdIn(`URI:${id}, DNS:towline.example.org, IP Address:192.0.2.1`), id);
  t.equal(spiffeIdIn(undefined), undefined);
  t.equal(spiffeIdIn('DNS:towline.example.org'), undefined);
  t.equal(spiffeIdIn(`URI:${id}, URI:spiffe://example.org/other`), undefined);
  t.equal(spiffeIdIn(`DNS:"a, URI:${id}"`), undefined, 'a name that looks like two');
  t.equal(spiffeIdIn('URI:https://example.org/a'), undefined);
  t.end();
});

void t.test('SPIFFE IDs have a trust domain and a plain path', (t) => {
  t.ok(isSpiffeId(id));
  for (const text of [
    ...['', 'spiffe://', 'spiffe://example.org', 'spiffe://example.org/', 'spiffe:///a'],
    ...['spiffe://Example.org/a', 'spiffe://example.org/a//b', 'spiffe://example.org/a/'],
    ...['spiffe://example.org/../a', 'spiffe://example.org/a?b', 'spiffe://u@example.org/a'],
    ...['spiffe://example.org:1/a', 'https://example.org/a', `spiffe://a/${'b'.repeat(2048)}`],
  ]) {
    t.notOk(isSpiffeId(text), text.slice(0, 60));
  }
  t.end();
});
