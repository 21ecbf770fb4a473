import { X509Certificate } from 'node:crypto';
import { pino } from 'pino';
import t from 'tap';
import { FileKey, joinRequestOf } from '../../../../src/edge-runner/join/device-key.ts';
import type { Site } from '../../../../src/kube/site.ts';
import { SiteJoin, type JoinSites } from '../../../../src/provider/join/site-join.ts';
import { tokenHashOf } from '../../../../src/provider/join/token.ts';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import { publicKeyHashOf } from '../../../../src/provider/pki/public-key.ts';
import type { SiteId } from '../../../../src/provider/pki/site-identity.ts';

const authority = new CertificateAuthority({
  keyPair: createCa({ trustDomain: 'towline', nowMs: Date.now() }),
  trustDomain: 'towline',
});

/** One Site with the resource versions of an API server. */
class OneSite implements JoinSites {
  site: Site | undefined;
  writes = 0;
  /** Called before each write, to change the object behind the writer's back. */
  beforeWrite: () => void = () => undefined;

  constructor(token: string) {
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    this.site = {
      metadata: { namespace: 'acme', name: 'shop', resourceVersion: '1' },
      spec: { join: { tokenHash: tokenHashOf(token), expiresAt } },
      status: { nodeName: 'shop.acme' },
    };
  }

  read(id: SiteId): Promise<Site | undefined> {
    const found = id.tenant === 'acme' && id.name === 'shop' ? this.site : undefined;
    return Promise.resolve(structuredClone(found));
  }

  writeStatus(site: Site): Promise<'written' | 'conflict' | 'gone'> {
    this.beforeWrite();
    if (this.site === undefined) return Promise.resolve('gone');
    const { resourceVersion } = this.site.metadata;
    if (site.metadata.resourceVersion !== resourceVersion) return Promise.resolve('conflict');
    this.site = structuredClone(site);
    this.touch();
    this.writes += 1;
    return Promise.resolve('written');
  }

  touch(): void {
    if (this.site === undefined) return;
    this.site.metadata.resourceVersion = String(Number(this.site.metadata.resourceVersion) + 1);
  }
}

function joinOf(sites: JoinSites): SiteJoin {
  return new SiteJoin({ sites, authority, log: pino({ enabled: false }) });
}

const asked = { tenant: 'acme', site: 'shop', token: 'secret' };

void t.test('a device gets a certificate for its key, and the cluster knows of it', async (t) => {
  const sites = new OneSite('secret');
  const key = FileKey.generate();
  const response = await joinOf(sites).join(joinRequestOf(key, asked));
  const certificate = new X509Certificate(response.certificate);
  t.equal(certificate.subjectAltName, 'URI:spiffe://towline/tenant/acme/site/shop');
  t.ok(certificate.publicKey.equals(key.publicKey));
  t.equal(response.ca, authority.certificatePem);
  t.match(sites.site?.status, {
    nodeName: 'shop.acme',
    redeemedTokenHash: tokenHashOf('secret'),
    publicKeyHash: publicKeyHashOf(key.publicKey),
    conditions: [{ type: 'Joined', status: 'True', reason: 'TokenRedeemed' }],
  });
});

void t.test('of many devices with one token exactly one gets in', async (t) => {
  const sites = new OneSite('secret');
  const join = joinOf(sites);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 6 }, () => join.join(joinRequestOf(FileKey.generate(), asked))),
  );
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  t.equal(refused.length, 5);
  t.ok(refused.every(({ reason }) => (reason as { code: string }).code === 'TOKEN_USED'));
  t.equal(sites.writes, 1);
});

void t.test('the token of another site is told apart from a wrong one', async (t) => {
  const sites = new OneSite('secret');
  const join = new SiteJoin({
    ...{ sites, authority, log: pino({ enabled: false }) },
    siteOfToken: (hash) =>
      hash === tokenHashOf('of cafe') ? { tenant: 'acme', name: 'cafe' } : undefined,
  });
  const attempt = (token: string): Promise<unknown> =>
    join.join(joinRequestOf(FileKey.generate(), { ...asked, token }));
  await t.rejects(attempt('of cafe'), { code: 'TOKEN_OF_OTHER_SITE', message: /whole line/ });
  await t.rejects(attempt('of nobody'), { code: 'TOKEN_UNKNOWN' });
  t.equal(sites.writes, 0);
});

void t.test('a revoked key joins no more, whatever token it has; a new one does', async (t) => {
  const sites = new OneSite('secret');
  const key = FileKey.generate();
  if (sites.site?.spec) sites.site.spec.revokedKey = publicKeyHashOf(key.publicKey);
  const again = joinOf(sites).join(joinRequestOf(key, asked));
  await t.rejects(again, { code: 'SITE_REVOKED' });
  t.ok((await joinOf(sites).join(joinRequestOf(FileKey.generate(), asked))).certificate);
});

void t.test('a device that lost the answer asks again and costs no second write', async (t) => {
  const sites = new OneSite('secret');
  const request = joinRequestOf(FileKey.generate(), asked);
  await joinOf(sites).join(request);
  t.ok((await joinOf(sites).join(request)).certificate);
  t.equal(sites.writes, 1);
});

void t.test('a conflict is judged anew, with what the Site has become', async (t) => {
  const sites = new OneSite('secret');
  let conflicts = 2;
  sites.beforeWrite = (): void => {
    if (conflicts-- > 0) sites.touch();
  };
  t.ok((await joinOf(sites).join(joinRequestOf(FileKey.generate(), asked))).certificate);

  const replaced = new OneSite('secret');
  replaced.beforeWrite = (): void => {
    if (replaced.site?.spec?.join !== undefined) {
      replaced.site.spec.join.tokenHash = tokenHashOf('newer');
    }
    replaced.touch();
  };
  const late = joinOf(replaced).join(joinRequestOf(FileKey.generate(), asked));
  await t.rejects(late, { code: 'TOKEN_UNKNOWN' });
});

void t.test('a Site that changes without end gives up as unavailable', async (t) => {
  const sites = new OneSite('secret');
  sites.beforeWrite = (): void => {
    sites.touch();
  };
  const join = joinOf(sites).join(joinRequestOf(FileKey.generate(), asked));
  await t.rejects(join, { code: 'UNAVAILABLE' });
});

void t.test(
  'a Site deleted in the middle is said to be gone only to who had its token',
  async (t) => {
    const sites = new OneSite('secret');
    sites.beforeWrite = (): void => {
      sites.site = undefined;
    };
    const request = joinRequestOf(FileKey.generate(), asked);
    await t.rejects(joinOf(sites).join(request), { code: 'SITE_NOT_FOUND' });
    const absent = joinRequestOf(FileKey.generate(), { ...asked, site: 'nowhere' });
    await t.rejects(joinOf(new OneSite('secret')).join(absent), { code: 'TOKEN_UNKNOWN' });
  },
);

void t.test('a refusal for a missing site reads like one for a wrong token', async (t) => {
  const messageFor = async (site: string, token: string): Promise<string> => {
    const request = joinRequestOf(FileKey.generate(), { tenant: 'acme', site, token });
    try {
      await joinOf(new OneSite('secret')).join(request);
      return 'accepted';
    } catch (error) {
      return (error as Error).message.replaceAll(site, 'SITE');
    }
  };
  t.equal(await messageFor('nowhere', 'guess'), await messageFor('shop', 'guess'));
});

void t.test('who has not the private key gets nothing and spends no token', async (t) => {
  const sites = new OneSite('secret');
  const mine = joinRequestOf(FileKey.generate(), asked);
  const theirs = joinRequestOf(FileKey.generate(), asked);
  const join = joinOf(sites);
  await t.rejects(join.join({ ...mine, publicKey: theirs.publicKey }), { code: 'PROOF_INVALID' });
  await t.rejects(join.join({ ...mine, token: 'other' }), { code: 'PROOF_INVALID' });
  await t.rejects(join.join({ ...mine, proof: '' }), { code: 'PROOF_INVALID' });
  await t.rejects(join.join({ ...mine, publicKey: 'AAAA' }), { code: 'REQUEST_INVALID' });
  t.equal(sites.writes, 0);
});

void t.test('a cluster that cannot be asked is told as such, without its words', async (t) => {
  const sites = new OneSite('secret');
  sites.read = (): Promise<never> => Promise.reject(new Error('https://10.0.0.1: refused'));
  const join = joinOf(sites).join(joinRequestOf(FileKey.generate(), asked));
  await t.rejects(join, { code: 'UNAVAILABLE', message: /^(?!.*10\.0\.0\.1)/ });
});
