import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Extension,
  GeneralName,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  id_ce_subjectAltName,
} from '@peculiar/asn1-x509';
import t from 'tap';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import { issuedBy, nameOf, signCertificate } from '../../../../src/provider/pki/certificate.ts';
import { clientExtensions } from '../../../../src/provider/pki/extensions.ts';
import { publicKeyHashOf } from '../../../../src/provider/pki/public-key.ts';
import {
  claimedSiteOf,
  siteIdentityOf,
  type PeerVerdict,
} from '../../../../src/provider/pki/site-identity.ts';

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

const shopUri = 'spiffe://towline/tenant/acme/site/shop';
const keys = { publicKey: key, issuerPublicKey: authority.certificate.publicKey };

/** A certificate of our own CA with any extensions, or of another issuer. */
function signed(
  extensions: Extension[],
  issuer = issuedBy(authority.certificate),
): X509Certificate {
  return signCertificate({
    subject: { organization: 'Towline', commonName: 'odd' },
    ...{ publicKey: key, issuer, issuerKey: createPrivateKey(caPair.privateKey) },
    ...{ notBeforeMs: nowMs, notAfterMs: nowMs + 1000, extensions },
  });
}

/** A certificate of our own CA with any URI in it. */
function withUri(uri: string): X509Certificate {
  return signed(clientExtensions(uri, keys));
}

/** The same with any names. */
function withNames(...names: GeneralName[]): X509Certificate {
  const value = AsnConvert.serialize(new SubjectAlternativeName(names));
  return signed([
    ...clientExtensions(shopUri, keys).slice(0, -1),
    new Extension({ extnID: id_ce_subjectAltName, extnValue: new OctetString(value) }),
  ]);
}

const uriNamed = (uri: string): GeneralName => new GeneralName({ uniformResourceIdentifier: uri });

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

void t.test('a site has exactly one URI, whatever names of other kinds', (t) => {
  const dnsName = new GeneralName({ dNSName: 'shop.example' });
  t.ok(judge(withNames(dnsName, uriNamed(shopUri))).ok);
  const refused = { ok: false, reason: /name a site/ };
  t.match(
    judge(withNames(uriNamed(shopUri), uriNamed('spiffe://towline/tenant/b/site/c'))),
    refused,
  );
  t.match(judge(withNames(uriNamed(shopUri), uriNamed('https://example.org/'))), refused);
  t.match(judge(withNames(uriNamed(shopUri), uriNamed(shopUri))), refused);
  t.match(judge(withNames(dnsName)), refused);
  t.match(judge(signed(clientExtensions(shopUri, keys).slice(0, -1))), refused, 'no names at all');
  t.end();
});

void t.test('a certificate that may sign others is no site', (t) => {
  const [constraints, usage, ...rest] = clientExtensions(shopUri, keys);
  if (constraints === undefined || usage === undefined) throw new TypeError('none are made');
  const changed = (of: Extension, value: object): Extension =>
    new Extension({
      ...{ extnID: of.extnID, critical: true },
      extnValue: new OctetString(AsnConvert.serialize(value)),
    });
  const isCa = changed(constraints, new BasicConstraints({ cA: true }));
  const signs = (flag: number): Extension => changed(usage, new KeyUsage(flag));
  const [mayAll, mayRevoke] = [signs(KeyUsageFlags.keyCertSign), signs(KeyUsageFlags.cRLSign)];
  t.ok(judge(signed([constraints, usage, ...rest])).ok);
  for (const first of [
    [isCa, usage],
    [isCa, mayAll],
    [isCa],
    [constraints, mayAll],
    [constraints, mayRevoke],
  ]) {
    t.match(judge(signed([...first, ...rest])), { ok: false, reason: /not one for clients/ });
  }
  const broken = signed([changed(constraints, new OctetString(4)), usage, ...rest]);
  t.notOk(judge(broken).ok);
  t.equal(claimedSiteOf(broken, 'towline'), undefined, 'nor does it get to a renewal');
  t.end();
});

void t.test('what a site signs with its own key is of nobody', (t) => {
  const siteKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const siteName = nameOf({ organization: 'Towline', commonName: 'acme/shop' });
  const forged = signCertificate({
    subject: { organization: 'Towline', commonName: 'other' },
    ...{ publicKey: key, issuer: siteName, issuerKey: siteKeys.privateKey },
    ...{ notBeforeMs: nowMs, notAfterMs: nowMs + 1000 },
    extensions: clientExtensions('spiffe://towline/tenant/acme/site/other', {
      ...{ publicKey: key, issuerPublicKey: siteKeys.publicKey },
    }),
  });
  t.match(judge(forged), { ok: false, reason: /not from the CA/ });
  const inItsName = signCertificate({
    subject: { organization: 'Towline', commonName: 'other' },
    ...{ publicKey: key, issuer: issuedBy(authority.certificate), issuerKey: siteKeys.privateKey },
    ...{ notBeforeMs: nowMs, notAfterMs: nowMs + 1000 },
    extensions: clientExtensions('spiffe://towline/tenant/acme/site/other', keys),
  });
  t.match(judge(inItsName), { ok: false, reason: /not from the CA/ });
  t.end();
});
