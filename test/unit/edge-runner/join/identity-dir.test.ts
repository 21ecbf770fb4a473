import { createPrivateKey } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { describeIdentity } from '../../../../src/edge-runner/doctor/describe-identity.ts';
import { FileKey } from '../../../../src/edge-runner/join/device-key.ts';
import type { Identity } from '../../../../src/edge-runner/join/identity.ts';
import { IdentityDraft, loadIdentity } from '../../../../src/edge-runner/join/identity-dir.ts';
import { openCredentials } from '../../../../src/edge-runner/run/open-credentials.ts';
import { DeviceKeySource, storePurpose } from '../../../../src/edge-runner/store/store-key.ts';
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
    [
      'config.json',
      '{"tenant":"acme","site":"shop","addresses":["wss://a:1"],"key":"tpm"}',
      /config\.json is damaged/,
    ],
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

async function storedElsewhere(
  t: Test,
): Promise<{ dir: string; path: string; identity: Identity }> {
  const dir = t.testdir({});
  const identity: Identity = { ...newIdentity(), key: 'credential' };
  await (await IdentityDraft.begin(dir, { replace: false })).commit(identity);
  const path = join(dir, 'key-elsewhere.pem');
  await writeFile(path, identity.privateKey, { mode: 0o600 });
  return { dir, path, identity };
}

void t.test('a key that is kept by somebody else is not stored, and has to be given', async (t) => {
  const { dir, path, identity } = await storedElsewhere(t);
  t.notOk((await readdir(join(dir, 'identity'))).includes('key.pem'));
  const config = JSON.parse(await readFile(join(dir, 'identity/config.json'), 'utf8')) as object;
  t.match(config, { key: 'credential', site: 'shop' });
  t.strictSame(await loadIdentity(dir, path), identity);
  const code = 'KEY_UNUSABLE';
  await t.rejects(loadIdentity(dir), {
    code,
    message: /--credential towline-key:PATH.*--key-file/,
  });
  await t.rejects(loadIdentity(dir, `${path}.absent`), { code, message: /there is no / });
  await writeFile(path, newIdentity().privateKey);
  await t.rejects(loadIdentity(dir, path), {
    code,
    message: /not the one that this device joined/,
  });
});

void t.test('the same key opens the store, wherever and however it is kept', async (t) => {
  const { dir, path, identity } = await storedElsewhere(t);
  const sec1 = createPrivateKey(identity.privateKey).export({ type: 'sec1', format: 'pem' });
  await writeFile(path, sec1);
  const { privateKey } = await loadIdentity(dir, path);
  t.strictSame(
    new DeviceKeySource(privateKey).derive(storePurpose),
    new DeviceKeySource(identity.privateKey).derive(storePurpose),
  );
});

void t.test('the flag for a key is refused where the device has its own', async (t) => {
  const log = pino({ enabled: false });
  const own = await stored(t);
  const options = { svid: undefined, stateDir: own.dir, keyFile: undefined };
  const environment = { CREDENTIALS_DIRECTORY: join(own.dir, 'absent') };
  const credentials = await openCredentials(options, environment, log);
  t.strictSame(credentials.identity, own.identity, 'credentials of other names mean nothing');
  await t.rejects(openCredentials({ ...options, keyFile: '/k' }, {}, log), {
    code: 'USAGE',
    message: /--key-file: this device has joined with a key of its own/,
  });
});

void t.test("a key is taken from systemd's credential", async (t) => {
  const { dir, path, identity } = await storedElsewhere(t);
  const given = join(dir, 'credentials');
  await mkdir(given);
  await rename(path, join(given, 'towline-key'));
  const credentials = await openCredentials(
    { svid: undefined, stateDir: dir, keyFile: undefined },
    { CREDENTIALS_DIRECTORY: given },
    pino({ enabled: false }),
  );
  t.strictSame(credentials.identity, identity);
});

void t.test('the doctor says where the key is, and describes the rest without it', async (t) => {
  const { dir: stateDir, path: keyPath } = await storedElsewhere(t);
  const lines = async (keyPath: string | undefined): Promise<string> =>
    (await describeIdentity({ stateDir, keyPath }, Date.now())).lines.join('\n');
  t.match(await lines(keyPath), `key in ${keyPath}`);
  t.match(await lines(undefined), /site acme\/shop[^]*certificate valid[^]*key KEY_UNUSABLE: /);
  const own = await stored(t);
  const { lines: ownLines } = await describeIdentity(
    { stateDir: own.dir, keyPath: undefined },
    Date.now(),
  );
  t.equal(ownLines.at(-1), 'key in the state directory');
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
