import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostError } from '../host/host-error.ts';
import type { CgroupFile } from './cgroup-files.ts';

/**
 * Writes the files of a cgroup, by its name, and makes it where it isn't there. A file that isn't there
 * stands for something that this kernel can't do.
 * @returns whether a cgroup above it had to be made as well.
 * @throws HostError `CGROUP_UNWRITABLE`
 */
export async function writeCgroup(
  cgroup: string,
  files: readonly CgroupFile[],
): Promise<'alone' | 'with others above'> {
  const folders = new Set<string>();
  let madeAbove = false;
  try {
    for (const { folder, name, text } of files) {
      if (!folders.has(folder)) {
        const first = await mkdir(folder, { recursive: true });
        madeAbove ||= first !== undefined && !first.endsWith(cgroup);
        folders.add(folder);
      }
      await writeIfThere(join(folder, name), text);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostError('CGROUP_UNWRITABLE', `the cgroup of a pod can't be set: ${why}`, { cause });
  }
  return madeAbove ? 'with others above' : 'alone';
}

async function writeIfThere(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'r+' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
