import { open, realpath } from 'node:fs/promises';
import { handlePath, openInside, resolveInside } from './sub-path.ts';

/**
 * Reads a file of a volume, as text. Links are followed where they stay inside the volume; what is no
 * plain file, such as a pipe, isn't opened.
 * @throws VolumeError `SUB_PATH` for a way out of the volume, TypeError for what is no file, is not
 *   there or is larger than `maxBytes`
 */
export async function readInside(dir: string, path: string, maxBytes: number): Promise<string> {
  const base = await realpath(dir);
  const place = await resolveInside(base, path);
  if (place.missing.length > 0) throw new TypeError(`there is no ${path}`);
  await using found = await openInside(base, place);
  const stats = await found.stat();
  if (!stats.isFile()) throw new TypeError(`${path} is no file`);
  if (stats.size > maxBytes) throw new TypeError(`${path} is larger than ${maxBytes} bytes`);
  await using file = await open(handlePath(found), 'r');
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxBytes), position: 0 });
  return buffer.toString('utf8', 0, bytesRead);
}
