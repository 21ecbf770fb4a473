import t from 'tap';
import { joinLine, newJoinToken, parseTokenTtl } from '../../../src/cli/join-token.ts';
import { tokenHashOf } from '../../../src/provider/join/token.ts';

void t.test('a token is long, random, and stored as the provider looks for it', (t) => {
  const nowMs = Date.parse('2026-03-01T12:00:00.500Z');
  const token = newJoinToken(3_600_000, nowMs);
  t.match(token.token, /^[0-9a-f]{40}$/);
  t.not(newJoinToken(3_600_000, nowMs).token, token.token);
  t.strictSame(token.stored, {
    tokenHash: tokenHashOf(token.token),
    expiresAt: '2026-03-01T13:00:00Z',
  });
  t.end();
});

void t.test('a time to live is a Go duration of a second at least', (t) => {
  t.equal(parseTokenTtl('1h30m'), 5_400_000);
  for (const wrong of ['', 'soon', '10', '0', '-1h', '5ms']) {
    t.throws(() => parseTokenTtl(wrong), { code: 'USAGE', message: /--token-ttl/ }, wrong);
  }
  t.end();
});

void t.test('the join line can be pasted into a shell', (t) => {
  const provider = { address: 'wss://a.example:8443,wss://b.example:8443', caHash: 'sha256:00' };
  t.equal(
    joinLine(provider, { namespace: 'acme', name: 'shop' }, 'abc'),
    'towline-runner join wss://a.example:8443,wss://b.example:8443 --site acme/shop --token abc --ca-hash sha256:00',
  );
  t.end();
});
