import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { LogError, isMissing, unreadable } from './log-error.ts';

/**
 * A file below the folder of the device's logs, as it is now; of a folder the list that Go's file
 * server makes, which a kubelet shows at `/logs/`. A link that leads out of the folder is not
 * followed: pods can plant them there through a hostPath.
 * @throws LogError `LOG_NOT_FOUND`, `LOG_BAD_OPTION`, `LOG_UNREADABLE`
 */
export async function openHostLog(root: string, path: string): Promise<Readable> {
  const file = await resolveBelow(root, path);
  const stats = await stat(file);
  if (stats.isDirectory()) return Readable.from([await listFolder(file)]);
  if (!stats.isFile()) throw new LogError('LOG_BAD_OPTION', `${path} is no file`);
  return createReadStream(file, { end: Math.max(0, stats.size - 1) });
}

async function resolveBelow(root: string, path: string): Promise<string> {
  const notFound = new LogError('LOG_NOT_FOUND', '404 page not found');
  if (path.includes('\0')) throw notFound;
  try {
    const top = await realpath(root);
    const file = await realpath(join(root, join('/', path)));
    if (file === top || file.startsWith(top + sep)) return file;
  } catch (error) {
    if (!isMissing(error)) throw unreadable(path, error);
  }
  throw notFound;
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
