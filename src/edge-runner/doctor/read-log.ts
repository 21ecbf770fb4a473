import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { unitName } from '../install/unit-file.ts';
import { maxLogBytes, maxLogLines } from './limits.ts';

const run = promisify(execFile);

/**
 * The end of the runner's log: from a file, or as the service manager has it. What hinders that is
 * given in its place.
 */
export async function readLog(file: string | undefined): Promise<string> {
  try {
    return await (file === undefined ? readJournal() : readEnd(file));
  } catch (cause) {
    return `the log cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}

async function readJournal(): Promise<string> {
  const args = ['--unit', unitName, '--output', 'cat', '--no-pager', '--lines', `${maxLogLines}`];
  const { stdout } = await run('journalctl', args, { maxBuffer: maxLogBytes });
  return stdout;
}

async function readEnd(file: string): Promise<string> {
  await using handle = await open(file);
  const { size } = await handle.stat();
  const length = Math.min(size, maxLogBytes);
  const { buffer, bytesRead } = await handle.read({
    buffer: Buffer.alloc(length),
    position: size - length,
  });
  return buffer.toString('utf8', 0, bytesRead);
}
