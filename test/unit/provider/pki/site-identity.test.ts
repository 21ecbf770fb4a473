import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
import t from 'tap';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import { issuedBy, signCertificate } from '../../../../src/provider/pki/certificate.ts';
import { clientExtensions } from '../../../../src/provider/pki/extensions.ts';
import { publicKeyHashOf } from '../../../../src/provider/pki/public-key.ts';
import { siteIdentityOf, type PeerVerdict } from '../../../../src/provider/pki/site-identity.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const caPair = createCa({ trustDomain: 'towline', nowMs });
const authority = new CertificateAuthority({
  keyPair: caPair,
  trustDomain: 'towline',
  nowMs: () => nowMs,
});
const key = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const site = { tenant: 'acme', name: 'shop' };

function judge(certificate: X509Certificate | undefined, at = nowMs): PeerVerdict {
  const authorities = [authority.certificate];
  return siteIdentityOf(certificate, {
    ...{ authorities, trustDomain: 'towline', nowMs: at, keys: 'joined' },
  });
}

/** A certificate of our own CA with any URI in it. */
function withUri(uri: string): X509Certificate {
  const name = issuedBy(authority.certificate);
  return signCertificate({
    subject: { organization: 'Towline', commonName: 'odd' },
    publicKey: key,
    issuer: name,
    issuerKey: createPrivateKey(caPair.privateKey),
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 1000,
    extensions: clientExtensions(uri, {
      publicKey: key,
      issuerPublicKey: authority.certificate.publicKey,
    }),
  });
}

void t.test('a site is known by its URI and its key', (t) => {
  const verdict = judge(new X509Certificate(authority.issueSite(site, key)));
  t.strictSame(verdict, { ok: true, site, publicKeyHash: publicKeyHashOf(key) });
  t.end();
});

void t.test('nobody, strangers and impostors are told apart', (t) => {
  t.match(judge(undefined), { ok: false, reason: /no client certificate/ });
  const foreign = new CertificateAuthority({
    keyPair: createCa({ trustDomain: 'towline', nowMs }),
    trustDomain: 'towline',
    nowMs: () => nowMs,
  });
  const impostor = new X509Certificate(foreign.issueSite(site, key));
  t.match(judge(impostor), { ok: false, reason: /not from the CA/ });
  t.end();
});

void t.test('a certificate counts between its dates only', (t) => {
  const certificate = new X509Certificate(authority.issueSite(site, key));
  const { validFromDate, validToDate } = certificate;
  t.ok(judge(certificate, validFromDate.getTime()).ok);
  t.ok(judge(certificate, validToDate.getTime()).ok);
  t.match(judge(certificate, validFromDate.getTime() - 1), { reason: /not valid before 2026/ });
  t.match(judge(certificate, validToDate.getTime() + 1), { reason: /expired at 2026-03-31/ });
  t.end();
});

void t.test("the provider's own serving certificate and the CA are no site", (t) => {
  const serving = new X509Certificate(authority.issueServing(['a.example']).certificate);
  t.match(judge(serving), { ok: false, reason: /not one for clients/ });
  t.match(judge(authority.certificate), { ok: false, reason: /not one for clients/ });
  t.end();
});

void t.test('a URI that is not exactly that of a site is refused', (t) => {
  t.ok(judge(withUri('spiffe://towline/tenant/acme/site/shop')).ok);
  const wrong = [
    'spiffe://other/tenant/acme/site/shop',
    'spiffe://towline.example/tenant/acme/site/shop',
    'spiffe://towline/tenant/acme/site/shop/x',
    'spiffe://towline/tenant/acme/site/',
    'spiffe://towline/tenant/acme/site/../shop',
    'spiffe://towline/tenant/acme/site/Shop',
    'spiffe://towline/tenant/acme%2fb/site/shop',
    'spiffe://towline/tenant/acme/site/shop, URI:spiffe://towline/tenant/acme/site/b',
    'https://towline/tenant/acme/site/shop',
  ];
  for (const uri of wrong) t.match(judge(withUri(uri)), { ok: false, reason: /name a site/ }, uri);
  t.end();
});
