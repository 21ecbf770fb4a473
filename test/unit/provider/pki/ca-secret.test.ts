import t from 'tap';
import type { Secret } from '../../../../src/kube/api.ts';
import { CertificateAuthority } from '../../../../src/provider/pki/authority.ts';
import { loadOrCreateCa, type CaSecrets } from '../../../../src/provider/pki/ca-secret.ts';

/** Secrets in memory; the first reads of several callers may all come before the first create. */
class MemorySecrets implements CaSecrets {
  readonly stored = new Map<string, Secret>();

  read(name: string): Promise<Secret | undefined> {
    return Promise.resolve(this.stored.get(name));
  }

  create(secret: Secret): Promise<boolean> {
    if (this.stored.has(secret.metadata.name)) return Promise.resolve(false);
    this.stored.set(secret.metadata.name, secret);
    return Promise.resolve(true);
  }
}

const nowMs = Date.now();
const trustDomain = 'towline';

void t.test('the CA is made once and the same afterwards', async (t) => {
  const secrets = new MemorySecrets();
  const first = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  const second = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  t.strictSame(second, first);
  t.equal(secrets.stored.get('towline-ca')?.type, 'kubernetes.io/tls');
  t.ok(new CertificateAuthority({ keyPair: first, trustDomain }).caHash);
});

void t.test('providers that begin at once agree on one CA', async (t) => {
  const secrets = new MemorySecrets();
  const made = await Promise.all(
    Array.from({ length: 5 }, () => loadOrCreateCa({ secrets, trustDomain, nowMs })),
  );
  t.equal(new Set(made.map(({ certificate }) => certificate)).size, 1);
});

void t.test('a Secret without the keys is refused with what to do', async (t) => {
  const secrets = new MemorySecrets();
  secrets.stored.set('towline-ca', { metadata: { name: 'towline-ca' }, data: { 'tls.crt': '' } });
  await t.rejects(loadOrCreateCa({ secrets, trustDomain, nowMs }), {
    code: 'CA_INVALID',
    message: /lacks tls\.crt or tls\.key: restore it/,
  });
});
