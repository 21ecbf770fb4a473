import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { run } from './command.ts';
import { namespacePath, removeNamespace } from './device-network.ts';
import { withFileLock } from './file-lock.ts';
import { killDevice } from './kill-device.ts';
import { removeBridge } from './network.ts';
import { isAbandoned, labMark, readOwned, readOwner, type OwnedThing } from './ownership.ts';
import type { Progress } from './progress.ts';

/**
 * The folder in which labs live: TOWLINE_LAB_DIR, else /var/lib/towline-lab. Not /run: Debian mounts
 * that with noexec, and as memory.
 */
export function labBaseDir(env: NodeJS.ProcessEnv = process.env): string {
  const asked = env['TOWLINE_LAB_DIR'];
  return asked === undefined || asked === '' ? '/var/lib/towline-lab' : asked;
}

/**
 * Removes a lab and everything that exists because of it, whoever made it and however that ended:
 * processes, mounts, namespaces, links, cgroups and files. Removing again what is half gone is fine.
 *
 * @throws LabError `timeout` when a process survives SIGKILL, `in-use` when a mount cannot be undone;
 *   the folder then stays, and with it what a second attempt needs to know.
 */
export async function removeLab(
  dir: string,
  options: { readonly keepFiles?: boolean } = {},
): Promise<void> {
  const owned = await readOwned(dir);
  const mark = labMark(dir);
  await killDevice(dir, {
    environment: [`${mark.name}=${mark.value}`],
    networkNamespaces: owned.flatMap((thing) =>
      thing.kind === 'device' ? thing.namespaces.map(namespacePath) : [],
    ),
    cgroups: owned.flatMap((thing) => (thing.kind === 'device' ? [thing.cgroup] : [])),
  });
  for (const thing of owned.toReversed()) {
    await removeThing(thing);
  }
  if (options.keepFiles !== true) {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * Removes the labs whose owner is dead and that weren't kept on purpose; gives their folders. Labs of
 * living processes are not touched.
 */
export async function sweepLabs(options: {
  readonly progress: Progress;
  readonly baseDir?: string;
  readonly signal?: AbortSignal;
}): Promise<string[]> {
  const base = options.baseDir ?? labBaseDir();
  await mkdir(base, { recursive: true });
  return withFileLock(join(base, '.sweep.lock'), options, async () => {
    const swept: string[] = [];
    const entries = await readdir(base, { withFileTypes: true });
    for (const entry of entries.filter((candidate) => candidate.isDirectory())) {
      const dir = join(base, entry.name);
      const owner = await readOwner(dir);
      if (owner !== undefined && isAbandoned(owner)) {
        options.progress(`removing what is left of the lab ${entry.name}`);
        await removeLab(dir);
        swept.push(dir);
      }
    }
    return swept;
  });
}

async function removeThing(thing: OwnedThing): Promise<void> {
  switch (thing.kind) {
    case 'bridge':
      await removeBridge(thing.name);
      return;
    case 'cgroup':
      await removeCgroup(thing.path);
      return;
    case 'device':
      await Promise.all(thing.namespaces.map(removeNamespace));
      await run('ip', ['link', 'delete', thing.uplink]);
      await removeCgroup(thing.cgroup);
  }
}
