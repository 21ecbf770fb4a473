import { execFile } from 'node:child_process';
import { hostProgramLimitMs } from '../limits.ts';

/**
 * Runs a program where containerd runs, which in tests is another namespace.
 * @returns its standard output. Rejects as `execFile`, with the signal's reason, or when the program
 *   takes too long.
 */
export type RunOnHost = (
  program: string,
  args: readonly string[],
  options?: { signal?: AbortSignal | undefined },
) => Promise<string>;

export const runOnHost = hostRunner(hostProgramLimitMs);

/** Waits for no program longer than `limitMs`, nor for its end when it was killed: it may be stuck in the kernel. */
export function hostRunner(limitMs: number): RunOnHost {
  return (program, args, { signal } = {}) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const fail = (reason: Error): void => {
        settle();
        reject(reason);
      };
      const child = execFile(program, args, (error, stdout) => {
        settle();
        if (error === null) resolve(stdout);
        else fail(error);
      });
      const giveUp = (reason: Error): void => {
        child.kill('SIGKILL');
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
        child.unref();
        fail(reason);
      };
      const onAbort = (): void => {
        giveUp(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        giveUp(new Error(`${program} has not ended within ${limitMs / 1000} s`));
      }, limitMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort);
    });
}
