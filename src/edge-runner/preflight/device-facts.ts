import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readCgroupFacts, type CgroupFacts } from '../host/cgroups.ts';
import { readText, type HostRoot } from '../host/host-files.ts';
import { parseMeminfo } from '../host/meminfo.ts';
import { isReadOnly } from '../host/mount-options.ts';
import type { FilesystemUsage } from '../host/pressure.ts';
import { defaultCniSettings } from '../network/cni-settings.ts';
import { readCniFacts, type CniFacts } from './cni-facts.ts';
import type { ContainerdFacts } from './containerd-facts.ts';
import { readKernelFacts, type KernelFacts } from './kernel-features.ts';

/** What the checks judge. */
export interface DeviceFacts {
  readonly architecture: string;
  readonly isRoot: boolean;
  readonly nowMs: number;
  readonly memoryBytes: number;
  readonly kernel: KernelFacts;
  /** Undefined without /proc. */
  readonly cgroups: CgroupFacts | undefined;
  /** Controllers that the kernel has and that are switched off, or not mounted (cgroup v1). */
  readonly idleControllers: { readonly disabled: string[]; readonly unmounted: string[] };
  readonly containerd: ContainerdFacts;
  /** Programs that were found where programs are. */
  readonly programs: ReadonlySet<string>;
  readonly cni: CniFacts;
  readonly folders: readonly FolderFacts[];
  readonly hasCaCertificates: boolean;
}

/** A folder that the runner writes to. */
export interface FolderFacts {
  readonly path: string;
  readonly readOnly: boolean;
  readonly freeBytes: number;
  readonly freeInodes: number;
}

export interface FactSources extends HostRoot {
  /** As Kubernetes calls it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly isRoot: boolean;
  readonly nowMs: number;
  readonly containerd: ContainerdFacts;
  readonly stateDir: string;
  readonly logRoot: string;
  readonly readFileSystem: (path: string) => Promise<FileSystemRoom>;
}

type FileSystemRoom = Pick<FilesystemUsage, 'availableBytes' | 'inodesFree' | 'inodes'>;

const programFolders = [
  ...['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
];
const soughtPrograms = ['containerd', 'runc', 'crun', 'iptables', 'nft', 'ip', 'tc'];
const caCertificateFiles = [
  ...[
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/ssl/cert.pem',
  ],
];

/** Reads everything that the checks judge; changes nothing. What can't be read counts as missing. */
export async function readDeviceFacts(sources: FactSources): Promise<DeviceFacts> {
  const { containerd, stateDir, logRoot } = sources;
  const cni = 'trouble' in containerd ? defaultCniSettings : containerd.cni;
  const runtime = 'trouble' in containerd ? [] : [containerd.runtime];
  const cgroups = await readCgroupFacts(sources).catch(() => undefined);
  const memory = parseMeminfo((await readText(sources, '/proc/meminfo')) ?? '');
  return {
    architecture: sources.architecture,
    isRoot: sources.isRoot,
    nowMs: sources.nowMs,
    memoryBytes: memory.get('MemTotal') ?? 0,
    kernel: await readKernelFacts(sources),
    cgroups,
    idleControllers: await readIdleControllers(sources, cgroups?.controllers ?? []),
    containerd,
    programs: await findPrograms(sources, [...soughtPrograms, ...runtime]),
    cni: await readCniFacts(sources, cni),
    folders: await Promise.all([stateDir, logRoot].map((path) => readFolder(sources, path))),
    hasCaCertificates: (await firstThere(sources, caCertificateFiles)) !== undefined,
  };
}

async function readIdleControllers(
  root: HostRoot,
  usable: readonly string[],
): Promise<DeviceFacts['idleControllers']> {
  const table = (await readText(root, '/proc/cgroups')) ?? '';
  const disabled: string[] = [];
  const unmounted: string[] = [];
  for (const [, name = '', enabled] of table.matchAll(/^(\w+)\s+\d+\s+\d+\s+(\d)/gm)) {
    if (usable.includes(name)) continue;
    (enabled === '0' ? disabled : unmounted).push(name);
  }
  return { disabled, unmounted };
}

async function findPrograms(root: HostRoot, names: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of names) {
    const places = name.startsWith('/') ? [name] : programFolders.map((dir) => join(dir, name));
    if ((await firstThere(root, places)) !== undefined) found.add(name);
  }
  return found;
}

async function firstThere(
  { root = '/' }: HostRoot,
  paths: readonly string[],
): Promise<string | undefined> {
  for (const path of paths) {
    const there = await access(join(root, path), constants.R_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

/** The folder, or the nearest one above it that is there. */
async function readFolder(sources: FactSources, path: string): Promise<FolderFacts> {
  const mountinfo = (await readText(sources, '/proc/self/mountinfo')) ?? '';
  let place = path;
  while (place !== '/' && (await firstThere(sources, [place])) === undefined)
    place = dirname(place);
  const usage = await sources.readFileSystem(join(sources.root ?? '/', place));
  return {
    path,
    readOnly: isReadOnly(mountinfo, place),
    freeBytes: usage.availableBytes,
    // Some file systems, btrfs for one, have no fixed number of inodes.
    freeInodes: usage.inodes === 0 ? Infinity : usage.inodesFree,
  };
}
