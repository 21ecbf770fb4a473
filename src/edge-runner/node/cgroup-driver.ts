import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CriClient } from '../cri/cri-client.ts';
import { fieldOf, parseJson } from '../cri/json-field.ts';
import type { CgroupFacts } from '../host/cgroups.ts';
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

/** Removes a pod's cgroup from every hierarchy; with systemd a slice without members goes by itself. */
export async function removePodCgroup(facts: CgroupFacts, parent: string): Promise<void> {
  if (parent.endsWith('.slice')) return;
  const mounts = new Set(Object.values(facts.mountPoints));
  await Promise.all(Array.from(mounts, (mount) => removeTree(join(mount, parent))));
}

async function removeTree(folder: string): Promise<void> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries) {
      if (entry.isDirectory()) await removeTree(join(folder, entry.name));
    }
    await rmdir(folder);
  } catch (error) {
    const code = fieldOf(error, 'code');
    if (code !== 'ENOENT' && code !== 'EBUSY') throw error;
  }
}
