import { accessSync, constants } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, runChecked } from './command.ts';
import { LabError } from './lab-error.ts';
import { type Progress, withProgress } from './progress.ts';
import { programFolders, systemFolders } from './system-path.ts';

/**
 * Something the lab needs from the machine: satisfied when one of `paths` exists (a name without a
 * slash is looked up on PATH), else by installing a Debian package. Asking for the file instead of
 * the package leaves a machine alone that has it from elsewhere, say Docker's containerd.
 */
export interface Requirement {
  readonly paths: readonly string[];
  readonly debianPackage: string;
}

/** What running a lab needs; what building a control plane needs is asked for when one is built. */
export const labRequirements: readonly Requirement[] = [
  { paths: ['etcd'], debianPackage: 'etcd-server' },
  { paths: ['containerd'], debianPackage: 'containerd' },
  { paths: ['ctr'], debianPackage: 'containerd' },
  { paths: ['runc'], debianPackage: 'runc' },
  {
    paths: ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge'],
    debianPackage: 'containernetworking-plugins',
  },
  { paths: ['iptables'], debianPackage: 'iptables' },
  { paths: ['ip'], debianPackage: 'iproute2' },
  { paths: ['tc'], debianPackage: 'iproute2' },
  // The lab's certificates are made by it.
  { paths: ['openssl'], debianPackage: 'openssl' },
  { paths: ['nsenter'], debianPackage: 'util-linux' },
  { paths: ['kubectl'], debianPackage: 'kubernetes-client' },
  { paths: ['/etc/ssl/certs/ca-certificates.crt'], debianPackage: 'ca-certificates' },
];

const listsDir = '/var/lib/apt/lists';
const listsFreshMs = 24 * 3_600_000;

/**
 * Installs what is missing of `requirements` from the machine's own Debian sources; asks nothing,
 * removes no package, and starts no service that a package brings.
 *
 * @throws LabError `not-root` or `not-debian` when something is missing and cannot be installed here;
 *   `command-failed` with apt's own words when it couldn't install.
 */
export async function ensurePackages(
  progress: Progress,
  requirements: readonly Requirement[] = labRequirements,
  signal?: AbortSignal,
): Promise<void> {
  const missing = requirements.filter((requirement) => !isSatisfied(requirement));
  if (missing.length === 0) {
    return;
  }
  const names = [...new Set(missing.map((requirement) => requirement.debianPackage))];
  assertInstallable(names);
  const refreshed = await refreshLists(progress, signal);
  const attempt = (): Promise<void> =>
    withProgress(progress, `installing ${names.join(', ')}`, () => install(names, signal));
  try {
    await attempt();
  } catch (error) {
    // Lists of yesterday may name versions that the archive has replaced since.
    if (refreshed || !(error instanceof LabError && error.code === 'command-failed')) {
      throw error;
    }
    await updateLists(progress, signal);
    await attempt();
  }
  const stillMissing = requirements.find((requirement) => !isSatisfied(requirement));
  if (stillMissing !== undefined) {
    throw new LabError(
      'not-found',
      `${stillMissing.debianPackage} is installed, but there is no ${stillMissing.paths.join(' or ')}`,
    );
  }
}

/** Where a program is: on PATH or in the usual system folders; undefined when nowhere. */
export function findProgram(name: string): string | undefined {
  return programFolders(process.env)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/**
 * Fetches Debian's package lists when there are none or they are older than a day; says whether it did.
 *
 * @throws LabError `not-root`, `not-debian`.
 */
export async function refreshLists(progress: Progress, signal?: AbortSignal): Promise<boolean> {
  assertInstallable(['package lists']);
  if (await listsAreFresh()) {
    return false;
  }
  await updateLists(progress, signal);
  return true;
}

/** The environment for apt: it asks nothing and speaks English. */
export function aptEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
}

function isSatisfied(requirement: Requirement): boolean {
  return requirement.paths.some((path) =>
    path.includes('/') ? isReadable(path) : findProgram(path) !== undefined,
  );
}

function assertInstallable(names: readonly string[]): void {
  const wanted = names.join(', ');
  if (findProgram('apt-get') === undefined) {
    throw new LabError(
      'not-debian',
      `${wanted}: missing, and this machine has no apt-get to install it; install it by hand and run again`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new LabError(
      'not-root',
      `${wanted}: missing, and only root can install; run again as root`,
    );
  }
}

async function listsAreFresh(): Promise<boolean> {
  const names = await readdir(listsDir).catch(() => []);
  const packages = names.filter((name) => /_Packages(\.\w+)?$/.test(name));
  if (packages.length === 0) {
    return false;
  }
  const { mtimeMs } = await stat(listsDir);
  return Date.now() - mtimeMs < listsFreshMs;
}

/**
 * A source that cannot be reached only warns, one that is broken fails the update; what is needed may
 * be there all the same, and the install itself decides.
 */
async function updateLists(progress: Progress, signal?: AbortSignal): Promise<void> {
  await withProgress(progress, 'fetching Debian package lists', () =>
    run('apt-get', ['update', '-q'], { env: aptEnvironment(), ...(signal && { signal }) }),
  );
}

async function install(names: readonly string[], signal?: AbortSignal): Promise<void> {
  const shims = await serviceShims();
  try {
    await runChecked(
      'apt-get',
      [
        'install',
        '--yes',
        '--quiet',
        '--no-install-recommends',
        '--no-remove',
        '-o',
        `DPkg::Path=${[shims, ...systemFolders].join(':')}`,
        '-o',
        'DPkg::Lock::Timeout=300',
        ...names,
      ],
      { env: { ...aptEnvironment(), RUNLEVEL: '1' }, ...(signal && { signal }) },
    );
  } finally {
    await rm(shims, { recursive: true, force: true });
  }
}

/**
 * A folder that comes first on the PATH of the packages' scripts: in it, the programs by which these
 * scripts start services do nothing. It needs no change to the machine, unlike a policy-rc.d.
 */
async function serviceShims(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'towline-no-services-'));
  await chmod(dir, 0o755);
  for (const name of ['invoke-rc.d', 'deb-systemd-invoke']) {
    await writeFile(join(dir, name), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  }
  return dir;
}

function isExecutable(path: string): boolean {
  return isAccessible(path, constants.X_OK);
}

function isReadable(path: string): boolean {
  return isAccessible(path, constants.R_OK);
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
