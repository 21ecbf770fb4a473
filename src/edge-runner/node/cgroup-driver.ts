import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CriClient } from '../cri/cri-client.ts';
import { fieldOf, parseJson } from '../cri/json-field.ts';
import type { CgroupFacts } from '../host/cgroups.ts';
import { HostError } from '../host/host-error.ts';
import type { CgroupDriver } from '../pod/cgroup-parent.ts';

/**
 * The cgroup driver that containerd's default runtime is configured with, from its verbose CRI
 * status; undefined when it doesn't say.
 */
export async function readCgroupDriver(cri: CriClient): Promise<CgroupDriver | undefined> {
  const { info } = await cri.status({ verbose: true });
  const containerd = fieldOf(parseJson(info['config']), 'containerd');
  const name = fieldOf(containerd, 'defaultRuntimeName');
  const runtime = fieldOf(
    fieldOf(containerd, 'runtimes'),
    typeof name === 'string' ? name : 'runc',
  );
  if (runtime === undefined) return undefined;
  return fieldOf(fieldOf(runtime, 'options'), 'SystemdCgroup') === true ? 'systemd' : 'cgroupfs';
}

/** How often, and how long between, what is still busy is tried: the kernel forgets the dead slowly. */
const removalTries = 50;
const removalPauseMs = 20;

/**
 * Removes a stopped pod's cgroup from every tree; with systemd a slice without members goes by
 * itself. Kubelet: whatever still runs in it gets SIGKILL, for no container can own it any more.
 * @throws HostError `CGROUP_BUSY`; it can be tried again.
 */
export async function removePodCgroup(facts: CgroupFacts, parent: string): Promise<void> {
  if (parent.endsWith('.slice')) return;
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
