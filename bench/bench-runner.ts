import { arch } from 'node:os';
import { join } from 'node:path';
import { compileRunner } from '../hack/build-runner/compile-runner.ts';
import type { Progress } from '../hack/lab/progress.ts';
import { chosenRunner, type RunnerProgram } from '../hack/lab/runner-program.ts';

/** What is shipped, unless TOWLINE_RUNNER names something else. */
export async function benchRunner(progress: Progress): Promise<RunnerProgram> {
  if (process.env['TOWLINE_RUNNER'] !== undefined) return chosenRunner();
  const root = join(import.meta.dirname, '..');
  const target = arch() === 'arm64' ? 'arm64' : 'x64';
  const command = await compileRunner({ target, root, into: join(root, 'dist'), progress });
  return { command, args: [] };
}
