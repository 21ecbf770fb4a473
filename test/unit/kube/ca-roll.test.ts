import t from 'tap';
import { needOfOldCa, parseCaRequest } from '../../../src/kube/ca-roll.ts';
import type { SiteSpec, SiteStatus } from '../../../src/kube/site.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const open = { tokenHash: 'sha256:t', expiresAt: '2026-01-01T00:00:01Z' };

function need(spec: SiteSpec, status?: SiteStatus): string | undefined {
  const site = { metadata: { name: 's' }, spec, ...(status === undefined ? {} : { status }) };
  return needOfOldCa(site, 'next', nowMs);
}

void t.test('a site needs the old CA until its device has the next one', (t) => {
  t.equal(need({}), undefined, 'nobody joined');
  t.equal(need({}, { publicKeyHash: 'k' }), 'trust', 'nothing is known');
  t.equal(need({}, { publicKeyHash: 'k', caHash: 'old' }), 'trust');
  t.equal(need({}, { publicKeyHash: 'k', caHash: 'next' }), undefined);
  t.equal(need({ revokedKey: 'k' }, { publicKeyHash: 'k', caHash: 'old' }), undefined, 'revoked');
  t.equal(need({ revokedKey: 'j' }, { publicKeyHash: 'k', caHash: 'old' }), 'trust');
  t.end();
});

void t.test('so does a join line that can be used', (t) => {
  t.equal(need({ join: open }), 'token');
  t.equal(need({ join: open }, { redeemedTokenHash: open.tokenHash }), undefined);
  t.equal(need({ join: { ...open, expiresAt: '2026-01-01T00:00:00Z' } }), undefined);
  t.end();
});

void t.test('requests have an action and an id', (t) => {
  t.strictSame(parseCaRequest('rotate 2026-01-01T00:00:00Z'), {
    action: 'rotate',
    id: '2026-01-01T00:00:00Z',
  });
  for (const action of ['retire', 'force-retire']) {
    t.strictSame(parseCaRequest(`${action} 1`), { action, id: '1' });
  }
  for (const text of [undefined, '', 'rotate', 'rotate ', 'drop 1', 'retire a b', 'retire 1\n2']) {
    t.equal(parseCaRequest(text), undefined, JSON.stringify(text));
  }
  t.end();
});
