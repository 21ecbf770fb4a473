import { createPublicKey, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import t from 'tap';
import { FileKey } from '../../../src/edge-runner/join/device-key.ts';
import { loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { CertificateAuthority, createCa } from '../../../src/provider/pki/authority.ts';
import { FrameReader } from '../../../src/tunnel/json-frame.ts';
import { publicKeyHashOf } from '../../../src/provider/pki/public-key.ts';
import { MemorySites, type ProviderFixture } from './provider-fixture.ts';
import { joinAnew, joinNew, startCloud, startDevice, until } from './site-link.ts';

const node = 'shop.acme';
const shop = { tenant: 'acme', name: 'shop' };
const yearMs = 365 * 86_400_000;

/** Puts another certificate for the key of a state directory in the place of the one it has. */
async function replaceCertificate(dir: string, authority: CertificateAuthority): Promise<void> {
  const { publicKey } = new X509Certificate((await loadIdentity(dir)).certificate);
  await writeFile(join(dir, 'identity/certificate.pem'), authority.issueSite(shop, publicKey));
}

interface Answer {
  status: number | undefined;
  body: { code?: string; message?: string; certificate?: string };
}

function askRenewal(
  cloud: ProviderFixture,
  shown: { certificate: string; privateKey: string } | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`https://127.0.0.1:${cloud.port}/v1/renew`, {
      method: 'POST',
      ca: cloud.authority.certificatePem,
      agent: false,
      ...(shown === undefined ? {} : { cert: shown.certificate, key: shown.privateKey }),
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        resolve({ status: response.statusCode, body: JSON.parse(text) as Answer['body'] });
      });
    });
    outgoing.end();
  });
}

void t.test('a certificate is renewed in time, and the connection goes on', async (t) => {
  const cloud = await startCloud(t, { siteLifetimeMs: 3_000 });
  const dir = await joinNew(t, cloud);
  const first = (await loadIdentity(dir)).certificate;
  const device = await startDevice(t, dir);
  const session = await until(() => cloud.registry.get(node));
  const [end] = await until(() => device.sessions.length === 1 && device.sessions);
  const second = await until(() => device.identity().certificate !== first && device.identity());
  await until(async () => (await loadIdentity(dir)).certificate === second.certificate);
  t.equal(second.privateKey, (await loadIdentity(dir)).privateKey, 'the key stays');
  t.ok(end?.isOpen, 'at the device');
  t.equal(cloud.registry.get(node), session, 'and in the cloud');
  t.equal(device.sessions.length, 1);

  await device.hangUp();
  const next = await until(() => cloud.tunnels.length === 2 && cloud.tunnels[1]);
  t.not(next.peer.certificate.toString(), first, 'the next connection has a new one');
});

void t.test('a certificate that is good for long is left alone', async (t) => {
  const cloud = await startCloud(t);
  const dir = await joinNew(t, cloud);
  const first = (await loadIdentity(dir)).certificate;
  const device = await startDevice(t, dir);
  await until(() => device.sessions.length === 1);
  cloud.certificates.authorityChanged();
  const session = await until(() => cloud.registry.get(node));
  // Answered after whatever the provider sent before it.
  const probe = session.open({ type: 'certificate', certificate: 'x', ca: 'y' }, 'control');
  t.match(await new FrameReader(probe, 65_536).read(), { ok: false, message: /of no use/ });
  t.equal(device.identity().certificate, first);
});

void t.test('a site that was away for a year gets back in by its key', async (t) => {
  const cloud = await startCloud(t);
  const dir = await joinNew(t, cloud);
  const aYearAgo = new CertificateAuthority({
    keyPair: cloud.caPair,
    trustDomain: 'towline',
    nowMs: () => Date.now() - yearMs,
  });
  await replaceCertificate(dir, aYearAgo);
  // Without a pause between dials, which chance can give.
  const device = await startDevice(t, dir, { random: () => 0 });
  await until(() => device.sessions.length === 1);
  t.match(device.lines, [
    { code: 'HTTP_REJECTED', msg: /expired at .*: it is renewed by the key/ },
    { msg: /renewed by its key/ },
    { msg: /connected to the provider/ },
  ]);
  const { certificate } = await loadIdentity(dir);
  t.ok(new X509Certificate(certificate).validToDate.getTime() > Date.now());
});

void t.test('a revoked site is told so, and does not get back in', async (t) => {
  const cloud = await startCloud(t);
  const dir = await joinNew(t, cloud);
  const site = cloud.sites.get('shop');
  if (site?.spec === undefined) throw new TypeError('there is no site');
  site.spec.revokedKey = site.status?.publicKeyHash ?? '';
  const expired = new CertificateAuthority({
    keyPair: cloud.caPair,
    trustDomain: 'towline',
    nowMs: () => Date.now() - yearMs,
  });
  await replaceCertificate(dir, expired);
  const device = await startDevice(t, dir);
  await until(() => device.lines.some(({ code }) => code === 'SITE_REVOKED'));
  t.equal(cloud.registry.get(node), undefined);
});

void t.test('a device that joins anew after a revocation connects without a restart', async (t) => {
  const cloud = await startCloud(t);
  const dir = await joinNew(t, cloud);
  const device = await startDevice(t, dir);
  const session = await until(() => cloud.registry.get(node));
  await until(() => device.sessions.length === 1);
  const site = cloud.sites.get('shop');
  if (site?.spec === undefined) throw new TypeError('there is no site');
  site.spec.revokedKey = site.status?.publicKeyHash ?? '';
  session.dismiss('site acme/shop was revoked');
  await until(() => device.lines.some(({ msg }) => /answered 403: .* was revoked/.test(msg)));
  t.match(
    device.lines.find(({ code }) => code === 'DISMISSED'),
    { msg: /lets this one in no more .*site acme\/shop was revoked/ },
  );
  await joinAnew(cloud, dir);
  await until(() => device.sessions.length === 2);
  t.equal(device.identity().privateKey, (await loadIdentity(dir)).privateKey);
});

void t.test('a renewal does not undo a new join', async (t) => {
  const cloud = await startCloud(t);
  const dir = await joinNew(t, cloud);
  const device = await startDevice(t, dir);
  const session = await until(() => cloud.registry.get(node));
  const { publicKey } = new X509Certificate(device.identity().certificate);
  await joinAnew(cloud, dir);
  const joined = await loadIdentity(dir);
  const certificate = cloud.authority.issueSite(shop, publicKey);
  const head = { type: 'certificate', certificate, ca: cloud.authority.trustPem } as const;
  const stream = session.open(head, 'control');
  t.match(await new FrameReader(stream, 65_536).read(), { ok: false, message: /joined anew/ });
  t.strictSame(await loadIdentity(dir), joined);
});

void t.test(
  'the key counts, whoever issued its certificate; a name alone counts nothing',
  async (t) => {
    const cloud = await startCloud(t, { sites: new MemorySites() });
    const dir = await joinNew(t, cloud);
    const { privateKey } = await loadIdentity(dir);
    const foreign = new CertificateAuthority({
      keyPair: createCa({ trustDomain: 'towline', nowMs: Date.now() }),
      trustDomain: 'towline',
    });
    const byOther = {
      certificate: foreign.issueSite(shop, createPublicKey(privateKey)),
      privateKey,
    };
    const renewed = await askRenewal(cloud, byOther);
    t.equal(renewed.status, 200);
    const certificate = new X509Certificate(renewed.body.certificate ?? '');
    t.equal(publicKeyHashOf(certificate.publicKey), cloud.sites.get('shop')?.status?.publicKeyHash);

    const stranger = FileKey.generate();
    const asShop = {
      certificate: foreign.issueSite(shop, stranger.publicKey),
      privateKey: stranger.pem,
    };
    const asNobody = {
      certificate: foreign.issueSite({ tenant: 'acme', name: 'none' }, stranger.publicKey),
      privateKey: stranger.pem,
    };
    for (const shown of [asShop, asNobody]) {
      t.match(await askRenewal(cloud, shown), { status: 403, body: { code: 'KEY_UNKNOWN' } });
    }
    t.match(await askRenewal(cloud, undefined), { status: 400, body: { code: 'REQUEST_INVALID' } });
    const serving = foreign.issueServing(['shop']);
    t.match(await askRenewal(cloud, serving), { status: 400, body: { code: 'REQUEST_INVALID' } });
  },
);

void t.test('renewals are rate-limited as joins are', async (t) => {
  const cloud = await startCloud(t);
  const identity = await loadIdentity(await joinNew(t, cloud));
  const statuses: (number | undefined)[] = [];
  for (let i = 0; i < 11; i += 1) statuses.push((await askRenewal(cloud, identity)).status);
  t.same(statuses, [...Array<number>(9).fill(200), 429, 429], 'the join counted, too');
});
