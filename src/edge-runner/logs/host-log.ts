import { constants } from 'node:fs';
import { open, readdir, readlink, realpath, type FileHandle } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { systemCodeOf } from '../join/errors.ts';
import { LogError, isMissing, unreadable } from './log-error.ts';

/**
 * A file below the folder of the device's logs, as it is now; of a folder the list that Go's file
 * server makes, which a kubelet shows at `/logs/`. A link that leads out of the folder is not
 * followed: pods can plant them there through a hostPath, also between the look at a path and its use.
 * So it is what was opened that is judged, and read.
 * @throws LogError `LOG_NOT_FOUND`, `LOG_BAD_OPTION`, `LOG_UNREADABLE`
 */
export async function openHostLog(root: string, path: string): Promise<Readable> {
  const handle = await openBelow(root, path);
  let isTaken = false;
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) return Readable.from([await listFolder(placeOf(handle))]);
    if (!stats.isFile()) throw new LogError('LOG_BAD_OPTION', `${path} is no file`);
    isTaken = true;
    return handle.createReadStream({ end: Math.max(0, stats.size - 1) });
  } finally {
    if (!isTaken) await handle.close();
  }
}

/** Without waiting for the other end of a pipe. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function openBelow(root: string, path: string): Promise<FileHandle> {
  if (path.includes('\0')) throw notFound();
  let handle: FileHandle | undefined;
  try {
    const top = await realpath(root);
    handle = await open(await realpath(join(root, join('/', path))), flags);
    if (isBelow(await readlink(placeOf(handle)), top)) return handle;
  } catch (error) {
    await handle?.close();
    // ELOOP: what was a file a moment ago is a link now.
    if (isMissing(error) || systemCodeOf(error) === 'ELOOP') throw notFound();
    throw unreadable(path, error);
  }
  await handle.close();
  throw notFound();
}

function isBelow(file: string, top: string): boolean {
  return file === top || file.startsWith(top + sep);
}

/** proc(5): where that leads is where the kernel says that the open file is. */
function placeOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

function notFound(): LogError {
  return new LogError('LOG_NOT_FOUND', '404 page not found');
}

async function listFolder(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  const lines = names
    .sort()
    .map((name) => `<a href="${escapeHtml(encodeURI(name))}">${escapeHtml(name)}</a>\n`);
  return `<pre>\n${lines.join('')}</pre>\n`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;');
}
