import { mkdir } from 'node:fs/promises';
import { RunnerError } from '../errors.ts';
import { systemCodeOf } from '../join/errors.ts';

/**
 * Makes the folder that a flag names, unless it is there.
 * @throws RunnerError `FOLDER_UNUSABLE`
 */
export async function ensureFolder(flag: string, path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  } catch (cause) {
    throw new RunnerError(
      'FOLDER_UNUSABLE',
      `${flag}: the folder ${path} cannot be made (${systemCodeOf(cause) ?? String(cause)}): remove what is in its place, or choose another`,
      { cause },
    );
  }
}
