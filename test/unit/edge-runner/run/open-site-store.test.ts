import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileKey } from '../../../../src/edge-runner/join/device-key.ts';
import { openSiteStore } from '../../../../src/edge-runner/run/open-site-store.ts';
import type { EdgeStore } from '../../../../src/edge-runner/store/edge-store.ts';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';

const trustDomain = 'fleet.test';
const authority = new CertificateAuthority({
  keyPair: createCa({ trustDomain, nowMs: Date.now() }),
  trustDomain,
});

const secret: DesiredObject = {
  ...{ kind: 'Secret', namespace: 'berlin', name: 'db', uid: 'uid-db', version: 'v1' },
  object: { metadata: { name: 'db' } },
};

interface Who {
  tenant: string;
  site: string;
  key: FileKey;
  isRenewable: boolean;
}

async function open(dir: string, { tenant, site, key, isRenewable }: Who): Promise<EdgeStore> {
  const certificate = authority.issueSite({ tenant, name: site }, key.publicKey);
  const identity = {
    ...{ tenant, site, addresses: ['wss://a.test:8443'], certificate },
    ...{ privateKey: key.pem, ca: authority.certificatePem },
  };
  const log = { error: () => undefined, info: () => undefined };
  const { store } = await openSiteStore(
    { identity, isRenewable },
    {
      ...{ stateDir: dir, memoryDir: dir, storeFile: join(dir, 'store.db'), log },
      onEnd: (error) => {
        throw error;
      },
    },
  );
  return store;
}

async function whatRemains(t: Test, before: Who, after: Who): Promise<DesiredObject[]> {
  const dir = t.testdir({});
  const first = await open(dir, before);
  first.applyDelta([secret], [], true);
  first.close();
  const second = await open(dir, after);
  t.teardown(() => {
    second.close();
  });
  return second.objects();
}

void t.test('a device that joins another site with the same key begins anew', async (t) => {
  const first = { tenant: 'a', site: 'x', key: FileKey.generate(), isRenewable: true };
  t.same(await whatRemains(t, first, first), [secret], 'the same site has what it had');
  t.same(await whatRemains(t, first, { ...first, tenant: 'b', site: 'y' }), []);
});

void t.test('an SVID of another site begins anew, a rotated one does not', async (t) => {
  const first = { tenant: 'a', site: 'x', key: FileKey.generate(), isRenewable: false };
  t.same(await whatRemains(t, first, { ...first, key: FileKey.generate() }), [secret]);
  const other = { ...first, tenant: 'b', key: FileKey.generate() };
  t.same(await whatRemains(t, first, other), []);
});
