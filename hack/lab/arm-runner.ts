import { arch } from 'node:os';
import { ensurePackages, findProgram, type Requirement } from './packages.ts';
import type { Progress } from './progress.ts';
import { LabError } from './lab-error.ts';
import type { RunnerProgram } from './runner-program.ts';

const emulator = 'qemu-aarch64-static';
const armRoot = '/usr/aarch64-linux-gnu';

/** What an executable for ARM64 needs on another machine: the emulator, and its C library. */
const requirements: readonly Requirement[] = [
  { paths: [emulator], debianPackage: 'qemu-user-static' },
  { paths: [`${armRoot}/lib/ld-linux-aarch64.so.1`], debianPackage: 'libc6-arm64-cross' },
];

/**
 * How this machine runs a runner that was built for ARM64.
 * @throws LabError as `ensurePackages` does, when it can't.
 */
export async function armRunner(file: string, progress: Progress): Promise<RunnerProgram> {
  if (arch() === 'arm64') return { command: file, args: [] };
  await ensurePackages(progress, requirements);
  const command = findProgram(emulator);
  if (command === undefined) throw new LabError('not-found', `there is no ${emulator}`);
  return { command, args: ['-L', armRoot, file] };
}
