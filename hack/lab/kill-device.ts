import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { unmountUnder } from './mounts.ts';
import { cgroupsOf, findProcesses, killAll, type ProcessScan } from './process-scan.ts';

/**
 * Kills what a scan finds, and removes what a killed containerd leaves behind below `dir` and outside:
 * mounts, the cgroups of its containers, the sockets of its shims.
 */
export async function killDevice(dir: string, scan: ProcessScan): Promise<void> {
  const sockets = await shimSockets(dir);
  const own = new Set(cgroupsOf(process.pid));
  const cgroups = new Set<string>();
  await killAll(() => {
    const pids = findProcesses(scan);
    for (const path of pids.flatMap(cgroupsOf)) {
      cgroups.add(path);
    }
    return pids;
  });
  await unmountUnder(dir);
  for (const path of cgroups) {
    if (![...own].some((ours) => ours === path || ours.startsWith(`${path}/`))) {
      await removeCgroup(path);
    }
  }
  await Promise.all(sockets.map((path) => rm(path, { force: true })));
}

/**
 * The sockets of the shims of all containerds whose state is below `dir`. Shims listen in
 * /run/containerd/s, whatever containerd's configuration says; each task's folder names its own.
 */
export async function shimSockets(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.name === 'address' && entry.isFile());
  const addresses = await Promise.all(
    files.map((file) => readFile(join(file.parentPath, file.name), 'utf8').catch(() => '')),
  );
  return addresses
    .filter((address) => address.startsWith('unix:///run/containerd/s/'))
    .map((address) => address.trim().slice('unix://'.length));
}
