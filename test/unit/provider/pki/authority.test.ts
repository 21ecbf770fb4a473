import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import { publicKeyHashOf } from '../../../../src/provider/pki/public-key.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const dayMs = 86_400_000;

function newAuthority(): CertificateAuthority {
  const keyPair = createCa({ trustDomain: 'towline', nowMs });
  return new CertificateAuthority({ keyPair, trustDomain: 'towline', nowMs: () => nowMs });
}

function p256() {
  return createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

void t.test('a CA signs itself, may sign end certificates only, and lives for ten years', (t) => {
  const ca = newAuthority().certificate;
  t.ok(ca.ca);
  t.ok(ca.verify(ca.publicKey));
  t.ok(ca.checkIssued(ca));
  t.equal(ca.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  t.equal(ca.subjectAltName, 'URI:spiffe://towline');
  t.equal(ca.validFromDate.getTime(), nowMs - 3_600_000);
  t.equal(ca.validToDate.getTime(), nowMs + 3650 * dayMs);
  t.end();
});

void t.test('the CA hash is that of its SubjectPublicKeyInfo', (t) => {
  const authority = newAuthority();
  t.match(authority.caHash, /^sha256:[0-9a-f]{64}$/);
  t.equal(authority.caHash, publicKeyHashOf(authority.certificate.publicKey));
  t.end();
});

void t.test('a site gets an X.509-SVID for its own key, valid for 30 days', (t) => {
  const authority = newAuthority();
  const key = p256();
  const svid = new X509Certificate(authority.issueSite({ tenant: 'acme', name: 'shop-1' }, key));
  t.equal(svid.subjectAltName, 'URI:spiffe://towline/tenant/acme/site/shop-1');
  t.ok(svid.publicKey.equals(key));
  t.ok(svid.verify(authority.certificate.publicKey));
  t.notOk(svid.ca);
  t.strictSame(svid.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  t.equal(svid.validToDate.getTime(), nowMs + 30 * dayMs);
  t.ok(svid.validFromDate.getTime() < nowMs, 'a device with a slow clock takes it');
  t.end();
});

void t.test('names of 63 characters fit', (t) => {
  const long = 'a'.repeat(63);
  const svid = new X509Certificate(newAuthority().issueSite({ tenant: long, name: long }, p256()));
  t.equal(svid.subjectAltName, `URI:spiffe://towline/tenant/${long}/site/${long}`);
  t.end();
});

void t.test('a serving certificate names hosts and addresses and brings the CA along', (t) => {
  const authority = newAuthority();
  const pair = authority.issueServing(['towline.example.com', '192.0.2.7', '2001:db8::7']);
  const leaf = new X509Certificate(pair.certificate);
  t.ok(leaf.checkHost('towline.example.com'));
  t.ok(leaf.checkIP('192.0.2.7'));
  t.ok(leaf.checkIP('2001:db8::7'));
  t.strictSame(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  t.ok(pair.certificate.endsWith(authority.certificatePem));
  t.equal(pair.notAfterMs, nowMs + 30 * dayMs);
  t.throws(() => authority.issueServing([]), { code: 'NAME_INVALID' });
  t.end();
});

void t.test('serial numbers are positive and differ', (t) => {
  const authority = newAuthority();
  const serials = Array.from({ length: 50 }, () => {
    const pem = authority.issueSite({ tenant: 'a', name: 'b' }, p256());
    return new X509Certificate(pem).serialNumber;
  });
  t.equal(new Set(serials).size, 50);
  t.ok(serials.every((serial) => /^[4-7][0-9A-F]{31}$/.test(serial)));
  t.end();
});

void t.test('OpenSSL accepts the chains for their purposes and for no other', (t) => {
  const keyPair = createCa({ trustDomain: 'towline', nowMs: Date.now() });
  const authority = new CertificateAuthority({ keyPair, trustDomain: 'towline' });
  const dir = t.testdir({});
  const files = {
    ca: authority.certificatePem,
    client: authority.issueSite({ tenant: 'acme', name: 'shop' }, p256()),
    server: authority.issueServing(['a.example']).certificate,
  };
  for (const [name, pem] of Object.entries(files)) writeFileSync(join(dir, `${name}.pem`), pem);
  const verify = (purpose: string, name: string): string =>
    execFileSync(
      'openssl',
      ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'ca.pem', `${name}.pem`],
      { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] },
    ).toString();
  t.match(verify('sslclient', 'client'), 'client.pem: OK');
  t.match(verify('sslserver', 'server'), 'server.pem: OK');
  t.throws(() => verify('sslserver', 'client'));
  t.throws(() => verify('sslclient', 'server'));
  const text = execFileSync('openssl', ['x509', '-noout', '-text', '-in', 'client.pem'], {
    cwd: dir,
  }).toString();
  t.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/);
  t.match(text, /X509v3 Basic Constraints: critical\s+CA:FALSE\n/);
  t.end();
});

void t.test('what is not a CA is refused', (t) => {
  const one = createCa({ trustDomain: 'towline', nowMs });
  const other = createCa({ trustDomain: 'towline', nowMs });
  const open = (certificate: string, privateKey: string) => (): CertificateAuthority =>
    new CertificateAuthority({ keyPair: { certificate, privateKey }, trustDomain: 'towline' });
  t.throws(open(one.certificate, other.privateKey), { code: 'CA_INVALID' });
  t.throws(open('rubbish', one.privateKey), { code: 'CA_INVALID' });
  const leaf = newAuthority().issueServing(['a.example']);
  t.throws(open(leaf.certificate, leaf.privateKey), { code: 'CA_INVALID' });
  t.end();
});
