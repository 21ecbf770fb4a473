import { join } from 'node:path';
import type { CgroupFacts } from './cgroups.ts';
import { listFolders, readText, type HostRoot } from './host-files.ts';

/** What a cgroup and all below it have used; `undefined` where this kernel doesn't count it. */
export interface CgroupUsage {
  readonly cpuNanoseconds: number | undefined;
  readonly memory:
    | {
        readonly usageBytes: number;
        /** `usageBytes` less the file pages that were not touched lately, as cAdvisor has it. */
        readonly workingSetBytes: number;
        readonly rssBytes: number;
        readonly pageFaults: number;
        readonly majorPageFaults: number;
      }
    | undefined;
  readonly swap: CgroupSwap | undefined;
  /** Process ids of all members, in no order. */
  readonly pids: readonly number[];
}

/** `limitBytes`: how much may be used; undefined where there is no limit. */
export interface CgroupSwap {
  readonly usedBytes: number;
  readonly limitBytes: number | undefined;
}

type Facts = Pick<CgroupFacts, 'version' | 'mountPoints'>;

/**
 * Reads the counters of a cgroup, given by the name that the runtime has for it (a path, or a slice
 * of systemd); undefined when there is no such cgroup.
 */
export async function readCgroupUsage(
  facts: Facts,
  name: string,
  root: HostRoot = {},
): Promise<CgroupUsage | undefined> {
  const folder = folderOf(facts, name);
  const read = reader(root, folder);
  const usage = await (facts.version === 1 ? divided(read) : unified(read));
  if (usage.cpuNanoseconds === undefined && usage.memory === undefined) return undefined;
  const members = folder('memory') ?? folder('cpuacct');
  return { ...usage, pids: members === undefined ? [] : await memberPids(root, members) };
}

/** Reads what a cgroup and all below it have on swap; undefined where this kernel doesn't count it. */
export function readCgroupSwap(
  facts: Facts,
  name: string,
  root: HostRoot = {},
): Promise<CgroupSwap | undefined> {
  const read = reader(root, folderOf(facts, name));
  return facts.version === 1 ? dividedSwap(read) : unifiedSwap(read);
}

type FolderOf = (controller: string) => string | undefined;

function folderOf({ version, mountPoints }: Facts, name: string): FolderOf {
  return (controller) => {
    const mountPoint = mountPoints[version === 1 ? controller : ''];
    return mountPoint === undefined ? undefined : join(mountPoint, cgroupPath(name));
  };
}

function reader(root: HostRoot, folder: FolderOf): Read {
  return async (controller, file) => {
    const at = folder(controller);
    return at === undefined ? undefined : readText(root, join(at, file));
  };
}

/** The folder of a cgroup below its mount point. Source: systemd.slice(5), on the names of slices. */
export function cgroupPath(name: string): string {
  if (!name.endsWith('.slice')) return name;
  const parts = name.slice(0, -'.slice'.length).split('-');
  return parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`).join('/');
}

type Read = (controller: string, file: string) => Promise<string | undefined>;

/** Source: the kernel's Documentation/admin-guide/cgroup-v1. */
async function divided(read: Read): Promise<Omit<CgroupUsage, 'pids'>> {
  const used = numberOf(await read('memory', 'memory.usage_in_bytes'));
  const stat = parseStat(await read('memory', 'memory.stat'));
  return {
    cpuNanoseconds: numberOf(await read('cpuacct', 'cpuacct.usage')),
    memory: used === undefined ? undefined : memoryOf(used, stat, 'total_', 'rss'),
    swap: await dividedSwap(read),
  };
}

/** Version 1 counts and bounds memory and swap together. */
async function dividedSwap(read: Read): Promise<CgroupSwap | undefined> {
  const used = numberOf(await read('memory', 'memory.usage_in_bytes'));
  const withSwap = numberOf(await read('memory', 'memory.memsw.usage_in_bytes'));
  if (used === undefined || withSwap === undefined) return undefined;
  const limit = numberOf(await read('memory', 'memory.limit_in_bytes'));
  const limitWithSwap = numberOf(await read('memory', 'memory.memsw.limit_in_bytes'));
  const isBounded =
    limit !== undefined && limitWithSwap !== undefined && limitWithSwap < unlimitedBytes;
  return {
    usedBytes: Math.max(0, withSwap - used),
    limitBytes: isBounded ? Math.max(0, limitWithSwap - limit) : undefined,
  };
}

/** What version 1 says for no limit is a little less than 2^63; a kubelet takes 2^62 for none, too. */
const unlimitedBytes = 2 ** 62;

/** Source: the kernel's Documentation/admin-guide/cgroup-v2.rst. */
async function unified(read: Read): Promise<Omit<CgroupUsage, 'pids'>> {
  const used = numberOf(await read('', 'memory.current'));
  const stat = parseStat(await read('', 'memory.stat'));
  const cpuMicroseconds = parseStat(await read('', 'cpu.stat')).get('usage_usec');
  return {
    cpuNanoseconds: cpuMicroseconds === undefined ? undefined : cpuMicroseconds * 1000,
    memory: used === undefined ? undefined : memoryOf(used, stat, '', 'anon'),
    swap: await unifiedSwap(read),
  };
}

async function unifiedSwap(read: Read): Promise<CgroupSwap | undefined> {
  const usedBytes = numberOf(await read('', 'memory.swap.current'));
  if (usedBytes === undefined) return undefined;
  return { usedBytes, limitBytes: numberOf(await read('', 'memory.swap.max')) };
}

function memoryOf(
  usageBytes: number,
  stat: ReadonlyMap<string, number>,
  prefix: string,
  rss: string,
): NonNullable<CgroupUsage['memory']> {
  const field = (name: string): number => stat.get(prefix + name) ?? 0;
  return {
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - field('inactive_file')),
    rssBytes: field(rss),
    pageFaults: field('pgfault'),
    majorPageFaults: field('pgmajfault'),
  };
}

function parseStat(text = ''): Map<string, number> {
  return new Map(
    [...text.matchAll(/^(\S+) (\d+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
  );
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

async function memberPids(root: HostRoot, folder: string): Promise<number[]> {
  const text = (await readText(root, join(folder, 'cgroup.procs'))) ?? '';
  const own = text.split('\n').filter(Boolean).map(Number);
  const names = await listFolders(root, folder);
  const below = names.map((name) => memberPids(root, join(folder, name)));
  return [...own, ...(await Promise.all(below)).flat()];
}
