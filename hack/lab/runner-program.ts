import { join } from 'node:path';

/** What starts a runner; its own arguments come after `args`. */
export interface RunnerProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** The source, under the Node that runs this. */
export const sourceRunner: RunnerProgram = {
  command: process.execPath,
  args: [join(import.meta.dirname, '../../src/edge-runner/main.ts')],
};

/** The executable that `TOWLINE_RUNNER` names, which is how the tests run what is shipped; else the source. */
export function chosenRunner(env: NodeJS.ProcessEnv = process.env): RunnerProgram {
  const file = env['TOWLINE_RUNNER'];
  return file === undefined || file === '' ? sourceRunner : { command: file, args: [] };
}
