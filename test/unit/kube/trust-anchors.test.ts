import t from 'tap';
import type { LabelSelector } from '../../../src/kube/api.ts';
import {
  matchesSelector,
  trustAnchorsName,
  trustAnchorsQuery,
  uniqueCertificates,
} from '../../../src/kube/trust-anchors.ts';

void t.test('what a projection asks for has one name, and can be read from it', (t) => {
  const path = 'ca.pem';
  t.equal(trustAnchorsName({ path }), undefined);
  t.equal(trustAnchorsName({ path, name: '', signerName: '' }), undefined);
  t.equal(trustAnchorsName({ path, name: 'a', optional: true }), '{"name":"a"}');
  const labelSelector = { matchLabels: { x: 'y\n' } };
  const query = { signerName: 'example.com/s', labelSelector };
  const name = trustAnchorsName({ path, ...query }) ?? '';
  t.same(trustAnchorsQuery(name), query);
  t.notMatch(name, '\n');
  t.same(trustAnchorsQuery(trustAnchorsName({ path, signerName: 's' }) ?? ''), { signerName: 's' });
  t.not(
    trustAnchorsName({ path, signerName: 's', labelSelector: {} }),
    trustAnchorsName({ path, signerName: 's' }),
    'an empty selector is another than none',
  );
  t.end();
});

void t.test('a label selector selects as the API says', (t) => {
  const labels = { zone: 'a', live: 'yes' };
  const cases: [selector: LabelSelector | undefined, expected: boolean][] = [
    [undefined, false],
    [{}, true],
    [{ matchLabels: { zone: 'a' } }, true],
    [{ matchLabels: { zone: 'a', live: 'no' } }, false],
    [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['b', 'a'] }] }, true],
    [{ matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, false],
    [{ matchExpressions: [{ key: 'none', operator: 'NotIn', values: ['a'] }] }, true],
    [{ matchExpressions: [{ key: 'zone', operator: 'Exists' }] }, true],
    [{ matchExpressions: [{ key: 'toString', operator: 'Exists' }] }, false],
    [{ matchExpressions: [{ key: 'none', operator: 'DoesNotExist' }] }, true],
    [{ matchExpressions: [{ key: 'zone', operator: 'Near' }] }, false],
    [{ matchLabels: { zone: 'a' }, matchExpressions: [{ key: 'x', operator: 'Exists' }] }, false],
  ];
  for (const [selector, expected] of cases) {
    t.equal(matchesSelector(selector, labels), expected, JSON.stringify(selector));
  }
  t.equal(matchesSelector({ matchLabels: { zone: 'a' } }, undefined), false);
  t.end();
});

void t.test('certificates come once each, in one order, and nothing else', (t) => {
  const pem = (body: string): string =>
    `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  const long = 'B'.repeat(100);
  const wrapped = `${'B'.repeat(64)}\n${'B'.repeat(36)}`;
  t.equal(
    uniqueCertificates([`# a comment\n${pem(long)}`, pem('AAAA') + pem(wrapped)]),
    pem('AAAA') + pem(wrapped),
  );
  t.equal(uniqueCertificates(['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----']), '');
  t.end();
});
