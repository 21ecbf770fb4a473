import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { mountTimeoutMs } from './limits.ts';
import { parseMountPoints } from './mount-table.ts';
import type { Mounter, TmpfsOptions } from './mounter.ts';
import { VolumeError, type VolumeErrorCode } from './volume-error.ts';

const run = promisify(execFile);

/** Mounts with the device's own `mount` and `umount`; needs root. */
export class LinuxMounter implements Mounter {
  async tmpfs(target: string, options: TmpfsOptions, signal?: AbortSignal): Promise<void> {
    const settings = tmpfsSettings(options);
    const mount = (values: string): Promise<void> =>
      command('MOUNT_FAILED', 'mount', ['-t', 'tmpfs', '-o', values, 'tmpfs', target], signal);
    try {
      await mount(`${settings},noswap`);
    } catch {
      signal?.throwIfAborted();
      await mount(settings);
    }
  }

  bind(source: string, target: string, signal?: AbortSignal): Promise<void> {
    const args = ['--no-canonicalize', '-o', 'bind', source, target];
    return command('MOUNT_FAILED', 'mount', args, signal);
  }

  unmount(target: string, signal?: AbortSignal): Promise<void> {
    return command('UNMOUNT_FAILED', 'umount', ['--no-canonicalize', target], signal);
  }

  async mountPoints(): Promise<string[]> {
    return parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8'));
  }
}

function tmpfsSettings({ mode, sizeBytes, gid }: TmpfsOptions): string {
  const settings = [`mode=${mode.toString(8)}`];
  if (sizeBytes !== undefined) settings.push(`size=${sizeBytes}`);
  if (gid !== undefined) settings.push(`gid=${gid}`);
  return settings.join(',');
}

async function command(
  code: VolumeErrorCode,
  file: string,
  args: string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await run(file, args, { timeout: mountTimeoutMs, ...(signal ? { signal } : {}) });
  } catch (error) {
    signal?.throwIfAborted();
    const said = (error as { stderr?: string }).stderr?.trim();
    const detail = said || (error as Error).message;
    throw new VolumeError(code, `${file} ${args.join(' ')}: ${detail}`, { cause: error });
  }
}
