import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadCertificates, loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { CertificateAuthority } from '../../../src/provider/pki/authority.ts';
import { publicKeyHashOf } from '../../../src/provider/pki/public-key.ts';
import { joinNew, startCloud, startDevice, until, type Cloud } from './site-link.ts';

const yearMs = 365 * 86_400_000;

/** Joins `shop` with a key in SEC 1 that is outside of the state directory `dir`. */
async function joinByGivenKey(t: Test, cloud: Cloud): Promise<{ dir: string; keyPath: string }> {
  const outside = await mkdtemp(join(tmpdir(), 'towline-'));
  t.teardown(() => rm(outside, { recursive: true }));
  const keyPath = join(outside, 'key.pem');
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'sec1', format: 'pem' });
  await writeFile(keyPath, pem, { mode: 0o600 });
  const dir = await joinNew(t, cloud, 'shop', { keyFile: keyPath });
  t.equal(cloud.sites.get('shop')?.status?.publicKeyHash, publicKeyHashOf(publicKey));
  return { dir, keyPath };
}

/** Files of a tree that hold a private key in PEM. */
async function filesWithKeys(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const holds = await Promise.all(
    files.map(async ({ parentPath, name }) =>
      (await readFile(join(parentPath, name), 'latin1')).includes('PRIVATE KEY'),
    ),
  );
  return files.filter((_file, i) => holds[i]).map(({ name }) => name);
}

void t.test('a key that was made on the device is what the search finds', async (t) => {
  const cloud = await startCloud(t);
  t.same(await filesWithKeys(await joinNew(t, cloud)), ['key.pem']);
});

void t.test('with a given key a device connects and renews, and stores no key', async (t) => {
  const cloud = await startCloud(t, { siteLifetimeMs: 3_000 });
  const { dir, keyPath } = await joinByGivenKey(t, cloud);
  t.same(await filesWithKeys(dir), []);
  const first = (await loadCertificates(dir)).certificate;
  const device = await startDevice(t, dir, { keyPath });
  await until(() => device.sessions.length === 1);
  await until(async () => (await loadCertificates(dir)).certificate !== first);
  await device.hangUp();
  const next = await until(() => cloud.tunnels.length === 2 && cloud.tunnels[1]);
  t.not(next.peer.certificate.toString(), first, 'the next connection has the new one');
  await device.stop();
  t.same(await filesWithKeys(dir), []);
  t.match(await loadIdentity(dir, keyPath), { key: 'credential', site: 'shop' });
});

void t.test('with a given key a device gets back in after a year, and stores no key', async (t) => {
  const cloud = await startCloud(t);
  const { dir, keyPath } = await joinByGivenKey(t, cloud);
  const aYearAgo = new CertificateAuthority({
    keyPair: cloud.caPair,
    trustDomain: 'towline',
    nowMs: () => Date.now() - yearMs,
  });
  const { publicKey } = new X509Certificate((await loadCertificates(dir)).certificate);
  const expired = aYearAgo.issueSite({ tenant: 'acme', name: 'shop' }, publicKey);
  await writeFile(join(dir, 'identity/certificate.pem'), expired);
  // Without a pause between dials, which chance can give.
  const device = await startDevice(t, dir, { keyPath, random: () => 0 });
  await until(() => device.sessions.length === 1);
  t.match(device.lines, [
    { code: 'HTTP_REJECTED', msg: /it is renewed by the key/ },
    { msg: /renewed by its key/ },
    { msg: /connected to the provider/ },
  ]);
  await device.stop();
  const { certificate } = await loadCertificates(dir);
  t.ok(new X509Certificate(certificate).validToDate.getTime() > Date.now());
  t.same(await filesWithKeys(dir), []);
});
