import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fieldOf } from '../cri/json-field.ts';
import type { CgroupFacts } from '../host/cgroups.ts';
import { HostError } from '../host/host-error.ts';

/** How often, and how long between, what is still busy is tried: the kernel forgets the dead slowly. */
const removalTries = 50;
const removalPauseMs = 20;

/**
 * Removes a stopped pod's cgroup from every tree. Kubelet: whatever still runs in it gets SIGKILL,
 * for no container can own it any more.
 * @throws HostError `CGROUP_BUSY`; it can be tried again.
 */
export async function removePodCgroup(facts: CgroupFacts, parent: string): Promise<void> {
  await Promise.all(facts.trees.map((tree) => removeTree(join(tree, parent))));
}

async function removeTree(folder: string): Promise<void> {
  for (let tries = 1; !(await removeOnce(folder)); tries += 1) {
    if (tries === removalTries) {
      throw new HostError('CGROUP_BUSY', `the cgroup ${folder} of a stopped pod cannot be removed`);
    }
    await killMembers(folder);
    await delay(removalPauseMs);
  }
}

/** @returns false when something is still in it. */
async function removeOnce(folder: string): Promise<boolean> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries) {
      if (entry.isDirectory()) await removeTree(join(folder, entry.name));
    }
    await rmdir(folder);
    return true;
  } catch (error) {
    const code = fieldOf(error, 'code');
    if (code === 'EBUSY') return false;
    if (code !== 'ENOENT') throw error;
    return true;
  }
}

async function killMembers(folder: string): Promise<void> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
  for (const pid of text.split('\n').map(Number)) {
    if (pid <= 0) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (fieldOf(error, 'code') !== 'ESRCH') throw error;
    }
  }
}
