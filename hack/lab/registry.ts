import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChecked } from './command.ts';
import type { Device } from './device.ts';
import { findFreePorts } from './free-ports.ts';
import { LabError } from './lab-error.ts';
import type { Lab } from './lab.ts';
import { digest, imageParts, mediaTypes, type ImageSpec } from './oci-image.ts';
import type { Requirement } from './packages.ts';
import type { BackgroundProcess } from './process.ts';

/** What a registry needs besides a lab's own requirements. */
export const registryRequirements: readonly Requirement[] = [
  { paths: ['docker-registry'], debianPackage: 'docker-registry' },
  // Its crypt() makes the hashes of passwords.
  { paths: ['perl'], debianPackage: 'perl-base' },
];

/** A user by name and password. */
export interface RegistryUser {
  readonly name: string;
  readonly password: string;
}

/** A real registry on the host, which the lab's devices reach over their uplinks. */
export interface Registry {
  /** `ADDRESS:PORT`, the first part of its images' names. */
  readonly host: string;
  /** Lets a device talk to it; without TLS, as it does. */
  openTo(device: Device): Promise<void>;
  /** Puts an image into it, under a path and tag such as `team/app:1`. @returns its whole name */
  publish(path: string, image: Omit<ImageSpec, 'name'>): Promise<string>;
  /** SIGKILL: its connections break off. */
  kill(): Promise<void>;
  /** Starts it again at the same address, with all its images. */
  start(): Promise<void>;
}

/** Starts a registry; with `user`, nobody else may push or pull. @throws LabError `command-failed`, `not-ready` */
export async function startRegistry(
  lab: Lab,
  options: { readonly name: string; readonly user?: RegistryUser },
): Promise<Registry> {
  const { name, user } = options;
  const [port = 0] = await findFreePorts(1, lab.hostAddress);
  const host = `${lab.hostAddress}:${port}`;
  const dir = join(lab.dir, name);
  await mkdir(dir, { recursive: true });
  const passwords = join(dir, 'htpasswd');
  if (user !== undefined) await writeFile(passwords, await passwordLine(user));
  const config = join(dir, 'config.yml');
  await writeFile(config, configText({ dir, host, ...(user && { passwords }) }));
  let server: BackgroundProcess | undefined;
  const start = async (): Promise<void> => {
    server = await lab.startProcess({ name, command: 'docker-registry', args: ['serve', config] });
    const what = `registry ${name} ready`;
    await server.readyWhen(() => answers(`http://${host}/v2/`), { what, timeoutMs: 30_000 });
  };
  await start();
  return {
    ...{ host, start },
    openTo: (device) => openTo(device, host),
    publish: (path, image) => publish(host, user, path, image),
    kill: async () => {
      await server?.kill();
    },
  };
}

function configText(options: { dir: string; host: string; passwords?: string }): string {
  const { dir, host, passwords } = options;
  return JSON.stringify({
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(dir, 'images') } },
    http: { addr: host },
    ...(passwords && { auth: { htpasswd: { realm: 'lab', path: passwords } } }),
  });
}

/** Bcrypt with the lowest cost, the only hash that it takes. */
async function passwordLine({ name, password }: RegistryUser): Promise<string> {
  const salt = '$2y$04$towlinetowlinetowline.';
  const script = 'print crypt($ARGV[0], $ARGV[1])';
  return `${name}:${await runChecked('perl', ['-e', script, password, salt])}\n`;
}

async function openTo(device: Device, host: string): Promise<void> {
  const dir = join(device.registryDir, host);
  await mkdir(dir, { recursive: true });
  const server = `"http://${host}"`;
  const text = `server = ${server}\n[host.${server}]\n  capabilities = ["pull", "resolve"]\n`;
  await writeFile(join(dir, 'hosts.toml'), text);
}

/** OCI distribution specification: "Push", in one request for each document. */
async function publish(
  host: string,
  user: RegistryUser | undefined,
  path: string,
  image: Omit<ImageSpec, 'name'>,
): Promise<string> {
  const [repository = '', tag = ''] = path.split(':');
  const login = user && Buffer.from(`${user.name}:${user.password}`).toString('base64');
  const headers = login === undefined ? {} : { authorization: `Basic ${login}` };
  const send = async (url: URL, method: string, body?: Uint8Array, type?: string) => {
    const answer = await fetch(url, {
      ...{ method, headers: { ...headers, ...(type && { 'content-type': type }) } },
      ...(body && { body: Buffer.from(body) }),
    });
    if (answer.ok) return answer;
    const said = `${answer.status} ${await answer.text()}`;
    throw new LabError('bad-answer', `${method} ${url.href}: ${said}`);
  };
  const base = new URL(`http://${host}/v2/${repository}/`);
  const { layer, config, manifest } = imageParts(image);
  for (const blob of [layer, config]) {
    const begun = await send(new URL('blobs/uploads/', base), 'POST');
    const place = new URL(begun.headers.get('location') ?? '', base);
    place.searchParams.set('digest', digest(blob));
    await send(place, 'PUT', blob, 'application/octet-stream');
  }
  await send(new URL(`manifests/${tag}`, base), 'PUT', manifest, mediaTypes.manifest);
  return `${host}/${path}`;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ status }) => status === 200 || status === 401,
    () => false,
  );
}
