import { chmod, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileKey } from '../../../../src/edge-runner/join/device-key.ts';
import type { Identity } from '../../../../src/edge-runner/join/identity.ts';
import { IdentityDraft, loadIdentity } from '../../../../src/edge-runner/join/identity-dir.ts';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';

const authority = new CertificateAuthority({
  keyPair: createCa({ trustDomain: 'towline', nowMs: Date.now() }),
  trustDomain: 'towline',
});

function newIdentity(): Identity {
  const key = FileKey.generate();
  return {
    tenant: 'acme',
    site: 'shop',
    addresses: ['wss://a.example:8443'],
    certificate: authority.issueSite({ tenant: 'acme', name: 'shop' }, key.publicKey),
    privateKey: key.pem,
    ca: authority.certificatePem,
  };
}

async function stored(t: Test): Promise<{ dir: string; identity: Identity }> {
  const dir = t.testdir({});
  const identity = newIdentity();
  await (await IdentityDraft.begin(dir, { replace: false })).commit(identity);
  return { dir, identity };
}

void t.test('a device that never joined is told to', async (t) => {
  const dir = t.testdir({});
  const expected = { code: 'IDENTITY_MISSING', message: /join a site first/ };
  await t.rejects(loadIdentity(dir), expected);
  await t.rejects(loadIdentity(join(dir, 'absent')), expected);
});

void t.test('a draft is seen by nobody until it is committed', async (t) => {
  const { dir, identity } = await stored(t);
  const draft = await IdentityDraft.begin(dir, { replace: true });
  t.strictSame(await loadIdentity(dir), identity);
  await draft.discard();
  t.strictSame(await loadIdentity(dir), identity);
  t.strictSame((await readdir(dir)).sort(), ['identity', await readlink(join(dir, 'identity'))]);
});

void t.test('what a crash left behind does not stand in the way', async (t) => {
  const { dir, identity } = await stored(t);
  await IdentityDraft.begin(dir, { replace: true });
  t.strictSame(await loadIdentity(dir), identity, 'before the commit nothing has changed');
  const next = newIdentity();
  await (await IdentityDraft.begin(dir, { replace: true })).commit(next);
  t.strictSame(await loadIdentity(dir), next);
});

void t.test('parts that are damaged or do not belong together are refused', async (t) => {
  const other = newIdentity();
  const foreign = createCa({ trustDomain: 'towline', nowMs: Date.now() });
  const cases: [string, string, RegExp][] = [
    ['key.pem', 'rubbish', /key\.pem is damaged/],
    ['key.pem', other.privateKey, /for another key/],
    ['certificate.pem', '', /not in PEM/],
    ['certificate.pem', other.certificate, /for another key/],
    ['ca.pem', foreign.certificate, /not from the CA/],
    ['config.json', '{', /config\.json is damaged/],
    ['config.json', '{"tenant":"acme","site":"shop","addresses":[]}', /config\.json is damaged/],
    ['config.json', '{"tenant":"acme","site":"x","addresses":["wss://a:1"]}', /for another site/],
  ];
  for (const [file, content, message] of cases) {
    const { dir } = await stored(t);
    await writeFile(join(dir, 'identity', file), content);
    await t.rejects(loadIdentity(dir), { code: 'IDENTITY_INVALID', message }, file);
    t.equal(await readFile(join(dir, 'identity', file), 'utf8'), content);
  }
});

void t.test('a state directory that may not be written is refused', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'towline-'));
  t.teardown(() => rm(dir, { recursive: true }));
  await chmod(dir, 0o555);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await t.rejects(IdentityDraft.begin(dir, { replace: false }), {
      code: 'STATE_DIR_UNUSABLE',
      message: /cannot be used \(EACCES\): run this as root/,
    });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});
