import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isMissing, unreadable } from './log-error.ts';

/** A log file that was rotated away. */
export interface RotatedLog {
  readonly path: string;
  readonly compressed: boolean;
  readonly inode: bigint;
  readonly modifiedMs: number;
}

/** `N.log.20060102-150405`, as a kubelet names it, and `.gz` once it is compressed. */
const rotatedSuffix = /^\.(\d{8}-\d{6})(\.gz)?$/;

/** The files of one container's log, oldest first, the current one last if it exists. */
export async function listLogFiles(logPath: string): Promise<string[]> {
  const rotated = await listRotatedLogs(logPath);
  const current = await inodeOf(logPath);
  return [...rotated.map(({ path }) => path), ...(current === undefined ? [] : [logPath])];
}

/** The rotated files that belong to this log, oldest first; a missing folder has none. */
export async function listRotatedLogs(logPath: string): Promise<RotatedLog[]> {
  const folder = dirname(logPath);
  const found = new Map<string, { name: string; compressed: boolean }>();
  for (const name of await namesIn(folder)) {
    const [, time, compressed] = rotatedSuffix.exec(suffixOf(name, basename(logPath))) ?? [];
    if (time === undefined) continue;
    // Both forms exist while one is made of the other: the plain one is whole then.
    if (compressed !== undefined && found.has(time)) continue;
    found.set(time, { name, compressed: compressed !== undefined });
  }
  const sorted = [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const logs = await Promise.all(
    sorted.map(([, { name, compressed }]) => describe(join(folder, name), compressed)),
  );
  return logs.filter((log) => log !== undefined);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw unreadable(folder, error);
  }
}

function suffixOf(name: string, logName: string): string {
  return name.startsWith(logName) ? name.slice(logName.length) : '';
}

async function describe(path: string, compressed: boolean): Promise<RotatedLog | undefined> {
  try {
    const { ino, mtimeMs } = await stat(path, { bigint: true });
    return { path, compressed, inode: ino, modifiedMs: Number(mtimeMs) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  return (await describe(path, false))?.inode;
}
