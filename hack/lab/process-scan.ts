import { readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './lab-error.ts';
import { identify } from './process-identity.ts';

/**
 * Which processes are meant: those with one of the environment's settings, those in one of the network
 * namespaces, those in one of the cgroups or below, and all that any of these started.
 */
export interface ProcessScan {
  /** `NAME=value`, as the process was started with. */
  readonly environment?: readonly string[];
  /** Paths of namespace files, say /run/netns/NAME; one that isn't there matches nothing. */
  readonly networkNamespaces?: readonly string[];
  /** Absolute cgroup paths. */
  readonly cgroups?: readonly string[];
}

interface Found {
  readonly pid: number;
  readonly parent: number;
}

/**
 * The pids that a scan means, without this process and those that it descends from. Marks that a
 * process inherits find it however the knowledge of it was lost: there is no moment between its start
 * and its being written down.
 */
export function findProcesses(scan: ProcessScan): number[] {
  const all = listProcesses();
  const namespaces = new Set(
    (scan.networkNamespaces ?? []).map(inode).filter((id) => id !== undefined),
  );
  const meant = new Set(
    all
      .filter(
        ({ pid }) =>
          hasSetting(pid, scan.environment ?? []) ||
          isIn(pid, namespaces) ||
          cgroupsOf(pid).some((own) => (scan.cgroups ?? []).some((path) => isBelow(own, path))),
      )
      .map(({ pid }) => pid),
  );
  addDescendants(meant, all);
  for (const pid of selfAndAncestors(all)) {
    meant.delete(pid);
  }
  return [...meant];
}

/** The cgroup paths of a process in all hierarchies; empty when it has ended. */
export function cgroupsOf(pid: number): string[] {
  return read(`/proc/${pid}/cgroup`)
    .split('\n')
    .map((line) => line.split(':').slice(2).join(':'))
    .filter((path) => path !== '' && path !== '/');
}

/**
 * Kills with SIGKILL what `find` gives until it gives nothing more.
 *
 * @throws LabError `timeout` when something survives five seconds of that.
 */
export async function killAll(find: () => readonly number[]): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  for (;;) {
    const pids = find();
    if (pids.length === 0) {
      return;
    }
    if (performance.now() > deadlineMs) {
      throw new LabError('timeout', `cannot kill the processes ${pids.join(', ')}`);
    }
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended between the look and the kill.
      }
    }
    await sleep(20);
  }
}

/** Zombies are left out: they hold nothing, and only their parent can do more. */
function listProcesses(): Found[] {
  const found: Found[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (Number.isInteger(pid) && identify(pid) !== undefined) {
      const parent = /^PPid:\s+(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1];
      found.push({ pid, parent: Number(parent ?? 0) });
    }
  }
  return found;
}

function addDescendants(pids: Set<number>, all: readonly Found[]): void {
  let before: number;
  do {
    before = pids.size;
    for (const { pid, parent } of all) {
      if (pids.has(parent)) {
        pids.add(pid);
      }
    }
  } while (pids.size > before);
}

function selfAndAncestors(all: readonly Found[]): number[] {
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const line: number[] = [];
  for (
    let pid: number | undefined = process.pid;
    pid !== undefined && pid > 0;
    pid = parents.get(pid)
  ) {
    line.push(pid);
  }
  return line;
}

function hasSetting(pid: number, settings: readonly string[]): boolean {
  if (settings.length === 0) {
    return false;
  }
  const environment = read(`/proc/${pid}/environ`).split('\0');
  return settings.some((setting) => environment.includes(setting));
}

function isIn(pid: number, namespaces: ReadonlySet<number>): boolean {
  const own = namespaces.size === 0 ? undefined : inode(`/proc/${pid}/ns/net`);
  return own !== undefined && namespaces.has(own);
}

function isBelow(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}/`);
}

function inode(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
