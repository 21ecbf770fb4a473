import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readChunkBytes } from './limits.ts';
import { isMissing, unreadable } from './log-error.ts';
import type { RotatedLog } from './log-files.ts';

/**
 * The bytes of a rotated log file from an offset on. A file that was compressed since it was
 * listed is read in its new form. Throws LogError `LOG_UNREADABLE`.
 */
export async function* readRotatedLog(
  log: RotatedLog,
  offset: number,
): AsyncGenerator<Buffer, void, undefined> {
  const plain = log.compressed ? undefined : await openIfThere(log.path);
  const compressedPath = log.compressed ? log.path : `${log.path}.gz`;
  try {
    yield* plain === undefined ? gunzip(compressedPath, offset) : chunksOf(plain, offset);
  } catch (error) {
    throw unreadable(log.path, error);
  } finally {
    await plain?.close();
  }
}

/** The bytes of an open file from an offset up to another or its end. Each chunk is valid until the next. */
export async function* chunksOf(
  file: FileHandle,
  offset: number,
  end = Infinity,
): AsyncGenerator<Buffer, void, undefined> {
  const chunk = Buffer.allocUnsafeSlow(readChunkBytes);
  for (let position = offset; position < end;) {
    const length = Math.min(chunk.length, end - position);
    const { bytesRead } = await file.read(chunk, 0, length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/** Opens a file for reading; undefined when there is none. Throws LogError `LOG_UNREADABLE`. */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
}

async function* gunzip(path: string, offset: number): AsyncGenerator<Buffer, void, undefined> {
  const unpacked = createGunzip({ chunkSize: readChunkBytes });
  // Errors of either stream come out of the loop below.
  pipeline(createReadStream(path), unpacked, () => undefined);
  let before = offset;
  for await (const chunk of unpacked as AsyncIterable<Buffer>) {
    if (before < chunk.length) yield chunk.subarray(before);
    before = Math.max(0, before - chunk.length);
  }
}
