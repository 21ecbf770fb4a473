import { execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { FileKey } from '../../../../src/edge-runner/join/device-key.ts';
import { JoinError } from '../../../../src/edge-runner/join/errors.ts';
import { givenKeyPath, readGivenKey } from '../../../../src/edge-runner/join/given-key.ts';

const dir = await mkdtemp(join(tmpdir(), 'towline-'));
t.teardown(() => rm(dir, { recursive: true }));

const device = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pkcs8 = pkcs8Of(device.privateKey);
const sec1 = device.privateKey.export({ type: 'sec1', format: 'pem' }).toString();

/** Made by openssl: Bun makes none. */
const secp256k1 = `-----BEGIN PRIVATE KEY-----
MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgC8R/8mgz1HZtNjRVIIAe
LFaKJxIDFEORNN+kxsrB+KyhRANCAATsjJp9tdm/QE6wxf4yI1JlcjCoInHvweJf
+1W3gSmpXBIIxj1ldhg670U2OSAm8F/4fEa5tU0+Dj0PNIDUEjPX
-----END PRIVATE KEY-----
`;

function pkcs8Of(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function given(text: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(dir, 'key');
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

void t.test('a key is taken as PKCS #8 and as SEC 1, and is the same', async (t) => {
  const { pem } = new FileKey(device.privateKey);
  t.equal((await readGivenKey(await given(pkcs8))).pem, pem);
  t.equal((await readGivenKey(await given(sec1, 0o400))).pem, pem);
  const byOpenssl = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${sec1}`;
  t.equal((await readGivenKey(await given(byOpenssl))).pem, pem);
});

void t.test('what is no private key on P-256 is refused, and never repeated', async (t) => {
  const others: Record<string, string | Uint8Array> = {
    P384: pkcs8Of(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
    secp256k1,
    Ed25519: pkcs8Of(generateKeyPairSync('ed25519').privateKey),
    RSA: pkcs8Of(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    'a public key': device.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    DER: device.privateKey.export({ type: 'pkcs8', format: 'der' }),
    'with a passphrase': device.privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString(),
    'cut off': pkcs8.slice(0, 120),
    damaged: pkcs8.replace('MIGH', 'MIGI'),
    nothing: '',
    'too large': `${'x'.repeat(8 * 1024)}\n${pkcs8}`,
    'too large behind the key': `${pkcs8}${'x'.repeat(8 * 1024)}`,
  };
  for (const [name, text] of Object.entries(others)) {
    const error = await readGivenKey(await given(text)).catch((error: unknown) => error);
    if (!(error instanceof JoinError)) throw new TypeError(name, { cause: error });
    t.match(error, {
      code: 'KEY_UNUSABLE',
      message: /is no private key on P-256 in PEM .*openssl/,
    });
    const [, ...base64] = text.toString().split('\n');
    const secrets = base64.filter((line) => line.length > 20 && !line.startsWith('-----'));
    for (const secret of secrets) t.notOk(error.message.includes(secret), name);
  }
});

void t.test('a key that others can read is refused with the remedy', async (t) => {
  for (const mode of [0o644, 0o640, 0o604, 0o620]) {
    await t.rejects(readGivenKey(await given(pkcs8, mode)), {
      code: 'KEY_UNUSABLE',
      message: /can be read by others: chown root .*chmod 600 \//,
    });
  }
});

void t.test('a key that is missing, no file or not to be read is said so', async (t) => {
  const code = 'KEY_UNUSABLE';
  await t.rejects(readGivenKey(join(dir, 'absent')), { code, message: /there is no .*--key-file/ });
  await t.rejects(readGivenKey(dir), { code, message: /is no file/ });
  const pipe = join(dir, 'pipe');
  await promisify(execFile)('mkfifo', ['--mode=600', pipe]);
  await t.rejects(readGivenKey(pipe), { code, message: /is no file/ }, 'that nobody writes to');
  const path = await given(pkcs8);
  const isRoot = process.geteuid?.() === 0;
  if (!isRoot) return;
  await chown(path, 65_534, 65_534);
  await t.rejects(readGivenKey(path), { code, message: /can be read by others/ }, 'its owner');
  await chown(path, 0, 0);
  await chmod(dir, 0o711);
  process.seteuid?.(65_534);
  try {
    await t.rejects(readGivenKey(path), {
      code,
      message: /cannot be read \(EACCES\): run this as/,
    });
  } finally {
    process.seteuid?.(0);
  }
});

void t.test("the file that is named counts, then systemd's credential", (t) => {
  const environment = { CREDENTIALS_DIRECTORY: '/run/credentials/x.service' };
  t.equal(givenKeyPath('/a', environment), '/a');
  t.equal(givenKeyPath(undefined, environment), '/run/credentials/x.service/towline-key');
  t.equal(givenKeyPath(undefined, {}), undefined);
  t.equal(givenKeyPath(undefined, { CREDENTIALS_DIRECTORY: '' }), undefined);
  t.end();
});
