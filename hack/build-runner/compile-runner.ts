import { mkdir } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { runChecked } from '../lab/command.ts';
import type { Progress } from '../lab/progress.ts';
import type { RunnerTarget } from './bun-runtimes.ts';
import { fetchRuntime } from './fetch-runtime.ts';
import { sourceCommit } from './source-commit.ts';

/** What is built, from where, and to where. */
export interface RunnerBuild {
  readonly target: RunnerTarget;
  /** The checkout. */
  readonly root: string;
  /** Folder for the file. */
  readonly into: string;
  /** What `--version` says it was built from; the checkout's own commit by default. */
  readonly commit?: string;
  readonly progress: Progress;
}

/**
 * Compiles the runner to one executable file and gives its path. The same source, commit and file
 * name give the same bytes, wherever the checkout is.
 */
export async function compileRunner(build: RunnerBuild): Promise<string> {
  const { target, root, into, progress } = build;
  const compiler = await fetchRuntime(arch() === 'arm64' ? 'arm64' : 'x64', progress);
  const runtime = await fetchRuntime(target, progress);
  const commit = build.commit ?? (await sourceCommit(root)) ?? 'unknown';
  await mkdir(into, { recursive: true });
  const file = join(into, `towline-runner-linux-${target}`);
  await runChecked(
    compiler,
    [
      ...['build', join(root, 'src/edge-runner/main.ts'), '--outfile', file],
      ...['--compile', `--target=bun-linux-${target}`, `--compile-executable-path=${runtime}`],
      // A stack in a bug report is of use only with the names of its functions.
      ...['--minify-whitespace', '--minify-syntax'],
      // Compiled ahead, it starts faster and needn't hold its own source in memory.
      ...['--bytecode', '--format=esm'],
      // An idle device then never loads the optimising compilers, while what a busy tunnel runs still
      // passes their hundredfold thresholds within a second.
      '--compile-jit-policy=100',
      // What lies in the folder in which a person starts it is none of its business.
      ...['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig'],
      ...['--define', `TOWLINE_COMMIT=${JSON.stringify(commit)}`],
    ],
    { cwd: root, timeoutMs: 120_000 },
  );
  return file;
}
