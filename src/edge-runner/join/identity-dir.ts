import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { publicPemOf } from './device-key.ts';
import { JoinError, systemCodeOf } from './errors.ts';
import { keyCredential, keyUnusable, readGivenKey } from './given-key.ts';
import { certificateFault, identityConfig, type Identity } from './identity.ts';

/** Where a runner keeps what it must not lose, unless told otherwise. */
export const defaultStateDir = '/var/lib/towline';

const linkName = 'identity';
const files = {
  privateKey: 'key.pem',
  certificate: 'certificate.pem',
  ca: 'ca.pem',
  config: 'config.json',
} as const;

/**
 * Reads the identity of this device. `keyPath`: where its key is, unless that is in `dir`.
 * @throws JoinError as `loadCertificates`; `KEY_UNUSABLE`
 */
export async function loadIdentity(
  dir: string = defaultStateDir,
  keyPath?: string,
): Promise<Identity> {
  const found = await loadCertificates(dir);
  if (found.key !== undefined) return { ...found, privateKey: await givenKey(found, keyPath) };
  const privateKey = await readPart(dir, files.privateKey);
  const publicKey = publicPem(dir, privateKey);
  const fault = certificateFault({ ...found, publicKey, site: found });
  if (fault !== undefined) throw invalid(dir, fault);
  return { ...found, privateKey };
}

/**
 * What an identity has besides its key.
 * @throws JoinError `IDENTITY_MISSING`, `IDENTITY_INVALID`, `STATE_DIR_UNUSABLE`
 */
export async function loadCertificates(dir: string): Promise<Omit<Identity, 'privateKey'>> {
  const [certificate, ca, config] = await Promise.all([
    readPart(dir, files.certificate),
    readPart(dir, files.ca),
    readPart(dir, files.config),
  ]);
  const parsed = v.safeParse(identityConfig, parseJson(config));
  if (!parsed.success) throw invalid(dir, `${files.config} is damaged`);
  const identity = { ...parsed.output, certificate, ca };
  const fault = certificateFault({ ...identity, site: identity });
  if (fault !== undefined) throw invalid(dir, fault);
  return identity;
}

async function givenKey(
  { certificate, ca, tenant, site }: Omit<Identity, 'privateKey'>,
  path: string | undefined,
): Promise<string> {
  if (path === undefined) {
    throw keyUnusable(
      `this device keeps its key outside of the state directory: start it with systemd's credential ${keyCredential} ("towline-runner install --credential ${keyCredential}:PATH"), or name the key's file with --key-file`,
    );
  }
  const { pem } = await readGivenKey(path);
  const publicKey = publicPemOf(pem);
  if (certificateFault({ certificate, ca, publicKey, site: { tenant, site } }) === undefined) {
    return pem;
  }
  throw keyUnusable(
    `the key in ${path} is not the one that this device joined with: give that one, or join again with --force, --key-file ${path} and a new token`,
  );
}

/**
 * A new identity on its way into a state directory. Nobody sees any of it before `commit`, which
 * puts all of it in place by renaming one symbolic link, `identity`.
 */
export class IdentityDraft {
  readonly #dir: string;
  readonly #name = `identity-${randomBytes(6).toString('hex')}`;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Makes the directory when it is missing, and shows that it can be written.
   * @throws JoinError `IDENTITY_EXISTS` (not with `replace`), `STATE_DIR_UNUSABLE`
   */
  static async begin(dir: string, options: { replace: boolean }): Promise<IdentityDraft> {
    const draft = new IdentityDraft(dir);
    try {
      await makeDir(dir);
      const present = (await readdir(dir)).includes(linkName);
      if (present && !options.replace) throw exists(dir);
      await mkdir(join(dir, draft.#name), { mode: 0o700 });
    } catch (error) {
      throw unusable(dir, error);
    }
    return draft;
  }

  /** @throws JoinError `STATE_DIR_UNUSABLE` */
  async commit(identity: Identity): Promise<void> {
    const { tenant, site, addresses, key } = identity;
    const config = `${JSON.stringify({ tenant, site, addresses, key }, undefined, 2)}\n`;
    const target = join(this.#dir, this.#name);
    try {
      if (key === undefined) {
        await writeDurably(join(target, files.privateKey), identity.privateKey, 0o600);
      }
      await writeDurably(join(target, files.certificate), identity.certificate, 0o644);
      await writeDurably(join(target, files.ca), identity.ca, 0o644);
      await writeDurably(join(target, files.config), config, 0o644);
      await syncDir(target);
      const newLink = `${target}.link`;
      await symlink(this.#name, newLink);
      const old = await readlink(join(this.#dir, linkName)).catch(() => undefined);
      await rename(newLink, join(this.#dir, linkName));
      await syncDir(this.#dir);
      if (old !== undefined) await rm(join(this.#dir, old), { recursive: true, force: true });
    } catch (error) {
      throw unusable(this.#dir, error);
    }
  }

  /** Leaves nothing behind of a draft that won't be committed. */
  async discard(): Promise<void> {
    const target = join(this.#dir, this.#name);
    await rm(target, { recursive: true, force: true });
    await rm(`${target}.link`, { force: true });
  }
}

/**
 * Removes the identity of this device, and what an interrupted join left of others.
 * @throws JoinError `STATE_DIR_UNUSABLE`
 */
export async function removeIdentity(dir: string): Promise<void> {
  try {
    const names = await readdir(dir);
    // The link last: until then it is clear that there was an identity.
    for (const name of names.filter((name) => name.startsWith(`${linkName}-`))) {
      await rm(join(dir, name), { recursive: true, force: true });
    }
    await rm(join(dir, linkName), { recursive: true, force: true });
    await syncDir(dir);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw unusable(dir, error);
  }
}

/**
 * The last component by itself: where a file system answers ENOENT in a directory that is there, as
 * /proc does, a recursive mkdir of Node never ends.
 */
async function makeDir(dir: string): Promise<void> {
  await mkdir(dirname(resolve(dir)), { recursive: true });
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
}

async function readPart(dir: string, name: string): Promise<string> {
  try {
    return await readFile(join(dir, linkName, name), 'utf8');
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw unusable(dir, error);
    throw new JoinError(
      'IDENTITY_MISSING',
      `there is no identity in ${dir}: join a site first, with the line that "towlinectl site create" prints`,
      { cause: error },
    );
  }
}

function publicPem(dir: string, privateKey: string): string {
  try {
    return publicPemOf(privateKey);
  } catch (cause) {
    throw invalid(dir, `${files.privateKey} is damaged`, cause);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function writeDurably(path: string, content: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDir(path: string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

function exists(dir: string): JoinError {
  return new JoinError(
    'IDENTITY_EXISTS',
    `this device has joined a site before (${join(dir, linkName)}): give --force to replace that identity, or another --state-dir`,
  );
}

function invalid(dir: string, why: string, cause?: unknown): JoinError {
  return new JoinError(
    'IDENTITY_INVALID',
    `the identity in ${join(dir, linkName)} is of no use: ${why}; join again with --force and a new token`,
    { cause },
  );
}

function unusable(dir: string, error: unknown): JoinError {
  if (error instanceof JoinError) return error;
  const code = systemCodeOf(error) ?? String(error);
  const denied = code === 'EACCES' || code === 'EPERM';
  const advice = denied && process.geteuid?.() !== 0 ? 'run this as root' : adviceFor(code);
  return new JoinError(
    'STATE_DIR_UNUSABLE',
    `the state directory ${dir} cannot be used (${code}): ${advice}`,
    { cause: error },
  );
}

function adviceFor(code: string): string {
  if (code === 'ENOSPC') return 'make room on its file system';
  if (code === 'EROFS') return 'its file system is read-only; choose another with --state-dir';
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return 'there is something else of that name; choose another with --state-dir';
  }
  return 'check its rights and its file system, or choose another with --state-dir';
}
