import t, { type Test } from 'tap';
import { FileKey } from '../../../src/edge-runner/join/device-key.ts';
import { IdentityDraft, loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { renewSite } from '../../../src/edge-runner/join/renew-site.ts';
import { CertificateAuthority, createCa } from '../../../src/provider/pki/authority.ts';
import { publicKeyHashOf } from '../../../src/provider/pki/public-key.ts';
import { startCloud, startDevice, until, type Cloud } from './site-link.ts';

const yearMs = 365 * 86_400_000;
const dayMs = 86_400_000;
const shop = { tenant: 'acme', name: 'shop' };

/** A state directory as a join at this time of the provider would have left it. */
async function joinedAt(t: Test, cloud: Cloud, atMs: number): Promise<string> {
  const authority = new CertificateAuthority({
    ...{ keyPair: cloud.caPair, trustDomain: 'towline' },
    nowMs: () => atMs,
  });
  const key = FileKey.generate();
  cloud.sites.add('shop', 'x');
  const site = cloud.sites.get('shop');
  if (site !== undefined) site.status = { publicKeyHash: publicKeyHashOf(key.publicKey) };
  const dir = t.testdir({});
  await (
    await IdentityDraft.begin(dir, { replace: false })
  ).commit({
    ...{ tenant: 'acme', site: 'shop', addresses: [cloud.url] },
    certificate: authority.issueSite(shop, key.publicKey),
    ...{ privateKey: key.pem, ca: authority.certificatePem },
  });
  return dir;
}

for (const [what, offsetMs] of [
  ['a year behind', yearMs],
  ['a year ahead', -yearMs],
] as const) {
  void t.test(`a device whose clock is ${what} connects`, async (t) => {
    const nowMs = (): number => Date.now() + offsetMs;
    const cloud = await startCloud(t, { nowMs });
    const device = await startDevice(t, await joinedAt(t, cloud, nowMs()));
    await until(() => device.sessions.length === 1);
    t.ok(cloud.registry.get('shop.acme'));
  });

  void t.test(`with its clock ${what} and its certificate ended it gets in, too`, async (t) => {
    const nowMs = (): number => Date.now() + offsetMs;
    const cloud = await startCloud(t, { nowMs });
    const device = await startDevice(t, await joinedAt(t, cloud, nowMs() - 40 * dayMs));
    await until(() => device.sessions.length === 1);
    t.ok(device.lines.some(({ msg }) => /renewed by its key/.test(msg)));
  });
}

void t.test(
  'a certificate that ended before the site was renewed is no longer taken',
  async (t) => {
    const longAgo = (): number => Date.now() - yearMs;
    const cloud = await startCloud(t, { nowMs: longAgo });
    const dir = await joinedAt(t, cloud, Date.now());
    const device = await startDevice(t, dir);
    await until(() => device.lines.some(({ code }) => code === 'TLS_UNTRUSTED'));
    t.equal(cloud.registry.get('shop.acme'), undefined);
    const options = { environment: {}, signal: AbortSignal.timeout(20_000) };
    await t.rejects(renewSite({ identity: await loadIdentity(dir), ...options }), {
      code: 'PROVIDER_UNTRUSTED',
      message: /ended before a time that has passed/,
    });
  },
);

void t.test('a wrong clock excuses neither another CA nor another name', async (t) => {
  const aYearAgo = (): number => Date.now() - yearMs;
  const cloud = await startCloud(t, { nowMs: aYearAgo, names: ['elsewhere.example'] });
  const options = { environment: {}, signal: AbortSignal.timeout(20_000) };
  const identity = await loadIdentity(await joinedAt(t, cloud, aYearAgo()));
  await t.rejects(renewSite({ identity, ...options }), { code: 'PROVIDER_UNTRUSTED' });
  const device = await startDevice(t, await joinedAt(t, cloud, aYearAgo()));
  await until(() => device.lines.some(({ code }) => code === 'TLS_UNTRUSTED'));

  const other = createCa({ trustDomain: 'towline', nowMs: aYearAgo() });
  const trusting = { ...identity, ca: other.certificate };
  await t.rejects(renewSite({ identity: trusting, ...options }), { code: 'PROVIDER_UNTRUSTED' });
});
