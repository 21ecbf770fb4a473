import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { mountTimeoutMs } from './limits.ts';
import { parseMountPoints } from './mount-table.ts';
import type { Mounter, MountRequest, TmpfsOptions } from './mounter.ts';
import { VolumeError, type VolumeErrorCode } from './volume-error.ts';

const run = promisify(execFile);

/** Mounts with the device's own `mount` and `umount`; needs root. */
export class LinuxMounter implements Mounter {
  readonly #timeoutMs: number;

  constructor({ timeoutMs = mountTimeoutMs }: { timeoutMs?: number } = {}) {
    this.#timeoutMs = timeoutMs;
  }

  async tmpfs(target: string, options: TmpfsOptions, signal?: AbortSignal): Promise<void> {
    const settings = tmpfsSettings(options);
    const mount = (values: string): Promise<void> =>
      this.#command(
        'MOUNT_FAILED',
        'mount',
        ['-t', 'tmpfs', '-o', values, 'tmpfs', target],
        signal,
      );
    try {
      await mount(`${settings},noswap`);
    } catch {
      signal?.throwIfAborted();
      await mount(settings);
    }
  }

  bind(source: string, target: string, signal?: AbortSignal): Promise<void> {
    const args = ['--no-canonicalize', '-o', 'bind', source, target];
    return this.#command('MOUNT_FAILED', 'mount', args, signal);
  }

  async mount(
    { source, target, type, options }: MountRequest,
    signal?: AbortSignal,
  ): Promise<void> {
    const args = [
      ...(type === undefined ? [] : ['-t', type]),
      ...(options.length === 0 ? [] : ['-o', options.join(',')]),
      // What follows is never taken for an option, whatever a server is called.
      ...['--', source, target],
    ];
    try {
      await this.#run('mount', args, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw new VolumeError('MOUNT_FAILED', mountFailure(error, args, this.#timeoutMs), {
        cause: error,
      });
    }
  }

  async unmount(target: string, signal?: AbortSignal): Promise<void> {
    const unmount = (...flags: string[]): Promise<void> =>
      this.#command('UNMOUNT_FAILED', 'umount', ['--no-canonicalize', ...flags, target], signal);
    try {
      await unmount();
    } catch (error) {
      if (!isTimeout((error as Error).cause)) throw error;
      await unmount('-f');
    }
  }

  async mountPoints(): Promise<string[]> {
    return parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8'));
  }

  async #command(
    code: VolumeErrorCode,
    file: string,
    args: string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await this.#run(file, args, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const said = (error as { stderr?: string }).stderr?.trim();
      const detail = said || (error as Error).message;
      throw new VolumeError(code, `${file} ${args.join(' ')}: ${detail}`, { cause: error });
    }
  }

  async #run(file: string, args: string[], signal: AbortSignal | undefined): Promise<void> {
    await run(file, args, { timeout: this.#timeoutMs, ...(signal ? { signal } : {}) });
  }
}

/** Source of the words: k8s.io/mount-utils, doMount. */
function mountFailure(error: unknown, args: string[], timeoutMs: number): string {
  const { code, stdout = '', stderr = '' } = error as Partial<Record<string, string | number>>;
  const why = isTimeout(error)
    ? `no answer within ${timeoutMs / 1000} s`
    : typeof code === 'number'
      ? `exit status ${code}`
      : (error as Error).message;
  return [
    `mount failed: ${why}`,
    'Mounting command: mount',
    `Mounting arguments: ${args.filter((arg) => arg !== '--').join(' ')}`,
    `Output: ${`${stdout}${stderr}`.trimEnd()}`,
  ].join('\n');
}

/** Whether the program was ended because it took too long. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'killed' in error && error.killed === true;
}

function tmpfsSettings({ mode, sizeBytes, gid }: TmpfsOptions): string {
  const settings = [`mode=${mode.toString(8)}`];
  if (sizeBytes !== undefined) settings.push(`size=${sizeBytes}`);
  if (gid !== undefined) settings.push(`gid=${gid}`);
  return settings.join(',');
}
