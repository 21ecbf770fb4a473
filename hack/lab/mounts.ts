import { readFile } from 'node:fs/promises';
import { run } from './command.ts';
import { LabError } from './lab-error.ts';

/** The mount points below a folder or at it, in the order in which they were mounted. */
export async function mountsUnder(dir: string): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return text
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((path) => path === dir || path.startsWith(`${dir}/`));
}

/**
 * Unmounts everything below a folder, last mounted first.
 *
 * @throws LabError `in-use` when something stays mounted: the caller must not remove the folder then,
 *   for it would remove what is behind the mount.
 */
export async function unmountUnder(dir: string): Promise<void> {
  for (const extra of [[], ['--lazy']]) {
    const mounts = await mountsUnder(dir);
    if (mounts.length === 0) {
      return;
    }
    await run('umount', [...extra, ...mounts.toReversed()]);
  }
  const left = await mountsUnder(dir);
  if (left.length > 0) {
    throw new LabError('in-use', `cannot unmount ${left.join(', ')}`);
  }
}

/** proc(5): blanks, tabs, newlines and backslashes are written as three octal digits. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
