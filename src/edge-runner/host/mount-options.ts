import { isWithin } from '../volumes/mount-table.ts';

/** Whether the file system that a path lies on is mounted read-only, from `/proc/self/mountinfo`. */
export function isReadOnly(mountinfo: string, path: string): boolean {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , , point, options = ''] = left.split(' ');
    if (point === undefined || !isWithin(path, point)) return [];
    const ofFileSystem = right.split(' ')[2] ?? '';
    return [{ point, options: [...options.split(','), ...ofFileSystem.split(',')] }];
  });
  // A later mount on the same point covers the earlier.
  const deepest = mounts.reduce<(typeof mounts)[number] | undefined>(
    (best, mount) => (mount.point.length >= (best?.point.length ?? 0) ? mount : best),
    undefined,
  );
  return deepest?.options.includes('ro') === true;
}
