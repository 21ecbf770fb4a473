import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CriClient } from '../cri/cri-client.ts';
import type { CgroupFacts } from '../host/cgroups.ts';
import type { CgroupDriver } from '../pod/cgroup-parent.ts';

/**
 * The cgroup driver that containerd's default runtime is configured with, from its verbose CRI
 * status; undefined when it doesn't say.
 */
export async function readCgroupDriver(cri: CriClient): Promise<CgroupDriver | undefined> {
  const { info } = await cri.status({ verbose: true });
  const containerd = field(parse(info['config']), 'containerd');
  const name = field(containerd, 'defaultRuntimeName');
  const runtime = field(field(containerd, 'runtimes'), typeof name === 'string' ? name : 'runc');
  if (runtime === undefined) return undefined;
  return field(field(runtime, 'options'), 'SystemdCgroup') === true ? 'systemd' : 'cgroupfs';
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
    const code = field(error, 'code');
    if (code !== 'ENOENT' && code !== 'EBUSY') throw error;
  }
}

function parse(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? 'null');
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Record<string, unknown>)[name];
}
