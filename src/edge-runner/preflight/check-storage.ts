import { failed, ok, warning, type Check } from './check.ts';
import type { DeviceFacts, FolderFacts } from './device-facts.ts';
import { comfortableFreeBytes, minFreeBytes, minFreeInodes } from './limits.ts';

/** Whether the folders that the runner writes to can be written, and have room. */
export function checkStorage({ folders }: DeviceFacts): Check[] {
  return folders.flatMap((folder) => [checkWritable(folder), checkRoom(folder)]);
}

function checkWritable({ path, readOnly }: FolderFacts): Check {
  const name = `writable:${path}`;
  if (!readOnly) return ok(name, 'writable');
  return failed(
    name,
    `${path} is on a file system that is mounted read-only`,
    'mount it writable ("mount -o remount,rw"), or put a writable file system there; if it was writable before, look for disk errors in dmesg',
  );
}

function checkRoom({ path, freeBytes, freeInodes }: FolderFacts): Check {
  const name = `space:${path}`;
  const free = `${Math.floor(freeBytes / 2 ** 20)} MiB`;
  if (freeInodes < minFreeInodes) {
    return failed(
      name,
      `${path} has ${freeInodes} free inodes`,
      `remove small files, or make the file system anew with more (${minFreeInodes} are needed)`,
    );
  }
  if (freeBytes < minFreeBytes) {
    return failed(
      name,
      `${path} has ${free} free`,
      `make room: ${Math.floor(minFreeBytes / 2 ** 20)} MiB are needed, ${comfortable} are better`,
    );
  }
  if (freeBytes < comfortableFreeBytes) {
    return warning(
      name,
      `${path} has ${free} free, which a few images fill`,
      `make room: ${comfortable} are better`,
    );
  }
  return ok(name, `${free} free`);
}

const comfortable = `${Math.floor(comfortableFreeBytes / 2 ** 20)} MiB`;
