import t from 'tap';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import { loadOrCreateCa, storeCa } from '../../../../src/provider/pki/ca-secret.ts';
import { MemorySecrets } from './memory-secrets.ts';

const nowMs = Date.now();
const trustDomain = 'towline';

void t.test('the CA is made once and the same afterwards', async (t) => {
  const secrets = new MemorySecrets();
  const first = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  const second = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  t.strictSame(second, first);
  t.equal(secrets.stored.get('towline-ca')?.type, 'kubernetes.io/tls');
  t.ok(new CertificateAuthority({ keyPair: first.pairs.current, trustDomain }).caHash);
});

void t.test('providers that begin at once agree on one CA', async (t) => {
  const secrets = new MemorySecrets();
  const made = await Promise.all(
    Array.from({ length: 5 }, () => loadOrCreateCa({ secrets, trustDomain, nowMs })),
  );
  t.equal(new Set(made.map(({ pairs }) => pairs.current.certificate)).size, 1);
});

void t.test('a Secret without the keys is refused with what to do', async (t) => {
  const secrets = new MemorySecrets();
  secrets.stored.set('towline-ca', { metadata: { name: 'towline-ca' }, data: { 'tls.crt': '' } });
  await t.rejects(loadOrCreateCa({ secrets, trustDomain, nowMs }), {
    code: 'CA_INVALID',
    message: /lacks tls\.crt or tls\.key: restore it/,
  });
});

void t.test('the next CA is kept beside the current one, until it takes its place', async (t) => {
  const secrets = new MemorySecrets();
  const first = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  const next = createCa({ trustDomain, nowMs });
  const both = { current: first.pairs.current, next };
  t.ok(await storeCa(secrets, { ...first, pairs: both, done: 'rotate 1' }));
  const rolled = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  t.match(rolled, { pairs: both, done: 'rotate 1' });
  t.notOk(await storeCa(secrets, { ...first, done: 'rotate 2' }), 'by what was read before');
  t.strictSame(await loadOrCreateCa({ secrets, trustDomain, nowMs }), rolled);
  await storeCa(secrets, { ...rolled, pairs: { current: next } });
  const last = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  t.strictSame(last.pairs, { current: next });
});
