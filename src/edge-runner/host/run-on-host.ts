import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program where containerd runs, which in tests is another namespace. @returns its standard output. Rejects as `execFile`. */
export type RunOnHost = (program: string, args: readonly string[]) => Promise<string>;

const run = promisify(execFile);

export const runOnHost: RunOnHost = async (program, args) => (await run(program, args)).stdout;
