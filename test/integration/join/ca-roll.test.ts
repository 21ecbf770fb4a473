import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { certificatesOf } from '../../../src/protocol/trust-bundle.ts';
import { CertificateAuthority } from '../../../src/provider/pki/authority.ts';
import { storeCa } from '../../../src/provider/pki/ca-secret.ts';
import { CaRoll } from '../../../src/provider/pki/ca-roll.ts';
import { publicKeyHashOf } from '../../../src/provider/pki/public-key.ts';
import { MemorySecrets } from '../../unit/provider/pki/memory-secrets.ts';
import { join, startCloud, startDevice, until, type Cloud } from './site-link.ts';

interface RollingCloud extends Cloud {
  /** Asks for something, as `towlinectl ca` does. */
  ask(request: string): void;
  /** As the provider's watch of Sites. */
  siteChanged(): void;
}

/** A provider whose CA is in a Secret and can be rolled. */
async function startRolling(t: Test, names: readonly string[]): Promise<RollingCloud> {
  const cloud = await startCloud(t);
  const { authority, caPair, certificate, certificates, sites } = cloud;
  const secrets = new MemorySecrets();
  const metadata = { name: 'towline-ca', resourceVersion: '1' };
  secrets.stored.set('towline-ca', { metadata });
  await storeCa(secrets, { pairs: { current: caPair }, done: undefined, version: '1' });
  let request: string | undefined;
  const roll = new CaRoll({
    ...{ authority, secrets, log: pino({ enabled: false }) },
    request: () => request,
    sites: () => names.flatMap((name) => sites.get(name) ?? []),
    onChange: () => {
      certificate.renew();
      certificates.authorityChanged();
      return Promise.resolve();
    },
  });
  const stop = new AbortController();
  const running = roll.run(stop.signal);
  t.teardown(() => {
    stop.abort();
    return running;
  });
  return {
    ...cloud,
    ask: (text) => {
      request = text;
      roll.look();
    },
    siteChanged: () => {
      roll.siteChanged();
    },
  };
}

/** Hashes of the CAs that a device trusts. */
function trusted({ ca }: { ca: string }): string[] {
  return certificatesOf(ca).map(({ publicKey }) => publicKeyHashOf(publicKey));
}

/** State directories by the names of sites. */
function stateDirs(t: Test, names: readonly string[]): (name: string) => string {
  const root = t.testdir(Object.fromEntries(names.map((name) => [name, {}])));
  return (name) => joinPath(root, name);
}

/** Joins a site that is made for it. */
async function joinAs(cloud: Cloud, name: string, dir: string, caHash?: string): Promise<void> {
  cloud.sites.add(name, `token of ${name}`);
  await join(cloud, dir, name, `token of ${name}`, caHash === undefined ? {} : { caHash });
}

/** An identity of a time a year ago, by the same CA. */
async function expire(cloud: Cloud, dir: string, name: string): Promise<void> {
  const aYearAgo = new CertificateAuthority({
    keyPair: cloud.caPair,
    trustDomain: 'towline',
    nowMs: () => Date.now() - 365 * 86_400_000,
  });
  const { publicKey } = new X509Certificate((await loadIdentity(dir)).certificate);
  const certificate = aYearAgo.issueSite({ tenant: 'acme', name }, publicKey);
  await writeFile(joinPath(dir, 'identity/certificate.pem'), certificate);
}

void t.test('the CA is rolled under sites that are here, away, and away for long', async (t) => {
  const cloud = await startRolling(t, ['shop', 'away', 'long']);
  const { authority, sites } = cloud;
  const old = authority.caHash;
  const dirOf = stateDirs(t, ['shop', 'away', 'long', 'late', 'stale', 'new']);
  for (const name of ['shop', 'away', 'long']) await joinAs(cloud, name, dirOf(name));
  await expire(cloud, dirOf('long'), 'long');
  const shop = await startDevice(t, dirOf('shop'));
  await until(() => cloud.registry.get('shop.acme'));

  cloud.ask('rotate 1');
  await until(() => sites.get('shop')?.status?.caHash === authority.nextCaHash);
  const next = authority.nextCaHash ?? '';
  t.strictSame(trusted(shop.identity()), [old, next]);
  t.equal(publicKeyHashOf(authority.siteIssuer.publicKey), next);
  t.ok(new X509Certificate(shop.identity().certificate).verify(authority.siteIssuer.publicKey));
  t.strictSame(trusted(await loadIdentity(dirOf('shop'))), [old, next], 'also after a restart');
  await shop.hangUp();
  await until(() => shop.sessions.length === 2);

  await joinAs(cloud, 'late', dirOf('late'), old);
  t.strictSame(
    trusted(await loadIdentity(dirOf('late'))),
    [old, next],
    'a line of before still works',
  );

  cloud.siteChanged();
  const away = await startDevice(t, dirOf('away'));
  await until(() => sites.get('away')?.status?.caHash === next);
  cloud.siteChanged();
  const long = await startDevice(t, dirOf('long'));
  await until(() => sites.get('long')?.status?.caHash === next && long.lines.length > 2);
  t.match(long.lines, [{ msg: /expired/ }, { msg: /renewed by its key/ }, { msg: /connected/ }]);
  t.equal(authority.caHash, old, 'they held the old one');

  cloud.siteChanged();
  await until(() => authority.caHash === next && authority.nextCaHash === undefined);
  for (const device of [shop, away, long]) {
    await until(() => trusted(device.identity()).join() === next);
    t.ok(device.sessions.at(-1)?.isOpen, 'the connection is still the same');
  }
  t.equal(long.sessions.length, 1);
  for (const device of [shop, away, long]) {
    const { length } = device.sessions;
    await device.hangUp();
    await until(() => device.sessions.length > length);
  }
  for (const name of ['shop', 'away', 'long']) {
    await until(async () => trusted(await loadIdentity(dirOf(name))).join() === next);
  }

  await t.rejects(joinAs(cloud, 'stale', dirOf('stale'), old), { code: 'PROVIDER_UNTRUSTED' });
  await joinAs(cloud, 'new', dirOf('new'));
  t.strictSame(trusted(await loadIdentity(dirOf('new'))), [next]);
});

void t.test(
  'who was away until the old CA was given up by command is let in no more',
  async (t) => {
    const cloud = await startRolling(t, ['shop', 'away']);
    const dirOf = stateDirs(t, ['shop', 'away']);
    for (const name of ['shop', 'away']) await joinAs(cloud, name, dirOf(name));
    const shop = await startDevice(t, dirOf('shop'));
    await until(() => cloud.registry.get('shop.acme'));
    cloud.ask('rotate 1');
    await until(() => cloud.sites.get('shop')?.status?.caHash === cloud.authority.nextCaHash);
    cloud.ask('force-retire 2');
    await until(
      async () => trusted(await loadIdentity(dirOf('shop'))).join() === cloud.authority.caHash,
    );
    const away = await startDevice(t, dirOf('away'));
    await until(() => away.lines.some(({ code }) => code === 'TLS_UNTRUSTED'));
    t.equal(cloud.registry.get('away.acme'), undefined);
    t.ok(shop.sessions[0]?.isOpen, 'the others go on');
    t.equal(shop.sessions.length, 1);
  },
);
