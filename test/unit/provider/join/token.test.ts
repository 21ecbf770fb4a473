import t from 'tap';
import type { Site } from '../../../../src/kube/site.ts';
import { judgeToken, tokenHashOf } from '../../../../src/provider/join/token.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const tokenHash = tokenHashOf('secret');
const presented = { tokenHash, publicKeyHash: 'sha256:key' };
const join = { tokenHash, expiresAt: '2026-03-01T13:00:00Z' };

function site(parts: Partial<Site>): Site {
  return { metadata: { name: 'shop', namespace: 'acme' }, ...parts };
}

void t.test('a token is stored as its SHA-256', (t) => {
  t.equal(tokenHash, 'sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b');
  t.end();
});

void t.test('the right token in time is redeemed', (t) => {
  t.equal(judgeToken(site({ spec: { join } }), presented, nowMs), 'redeem');
  t.end();
});

void t.test(
  'a wrong token looks the same whether the site exists, has a token, or is going away',
  (t) => {
    const wrong = { ...presented, tokenHash: tokenHashOf('guess') };
    const metadata = { name: 'shop', deletionTimestamp: '2026-03-01T11:00:00Z' };
    t.equal(judgeToken(undefined, wrong, nowMs), 'TOKEN_UNKNOWN');
    t.equal(judgeToken(site({}), wrong, nowMs), 'TOKEN_UNKNOWN');
    t.equal(judgeToken(site({ spec: { join } }), wrong, nowMs), 'TOKEN_UNKNOWN');
    t.equal(judgeToken({ metadata, spec: { join } }, wrong, nowMs), 'TOKEN_UNKNOWN');
    const old = { ...join, expiresAt: '2020-01-01T00:00:00Z' };
    t.equal(judgeToken(site({ spec: { join: old } }), wrong, nowMs), 'TOKEN_UNKNOWN');
    t.end();
  },
);

void t.test('a site that is going away takes no device in', (t) => {
  const metadata = { name: 'shop', deletionTimestamp: '2026-03-01T11:00:00Z' };
  t.equal(judgeToken({ metadata, spec: { join } }, presented, nowMs), 'TOKEN_UNKNOWN');
  t.end();
});

void t.test('a token ends at its time, and one without a readable time has ended', (t) => {
  const at = (expiresAt: string): string =>
    judgeToken(site({ spec: { join: { tokenHash, expiresAt } } }), presented, nowMs);
  t.equal(at('2026-03-01T12:00:00.001Z'), 'redeem');
  t.equal(at('2026-03-01T12:00:00Z'), 'TOKEN_EXPIRED');
  t.equal(at('soon'), 'TOKEN_EXPIRED');
  t.end();
});

void t.test('a token works once, also after a newer one was made', (t) => {
  const status = { redeemedTokenHash: tokenHash, publicKeyHash: 'sha256:other' };
  t.equal(judgeToken(site({ spec: { join }, status }), presented, nowMs), 'TOKEN_USED');
  const newer = { ...join, tokenHash: tokenHashOf('newer') };
  t.equal(judgeToken(site({ spec: { join: newer }, status }), presented, nowMs), 'TOKEN_USED');
  t.end();
});

void t.test('the same key may ask once more for its certificate while the token lasts', (t) => {
  const status = { redeemedTokenHash: tokenHash, publicKeyHash: 'sha256:key' };
  t.equal(judgeToken(site({ spec: { join }, status }), presented, nowMs), 'reissue');
  const late = Date.parse('2026-03-01T13:00:01Z');
  t.equal(judgeToken(site({ spec: { join }, status }), presented, late), 'TOKEN_USED');
  t.end();
});
