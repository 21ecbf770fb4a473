import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { bunRuntimes, type RunnerTarget } from './build-runner/bun-runtimes.ts';
import { compileRunner } from './build-runner/compile-runner.ts';
import { messageOf } from './lab/lab-error.ts';

/** `npm run build:runner [-- TARGET…]`: the runner as one executable file per target, in dist/. */
async function main(): Promise<number> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const unknown = positionals.filter((name) => !isTarget(name));
  if (unknown.length > 0) {
    const known = Object.keys(bunRuntimes).join(', ');
    console.error(`build:runner: there is no target "${unknown.join(', ')}"; there are ${known}`);
    return 1;
  }
  const targets: readonly RunnerTarget[] =
    positionals.length > 0 ? positionals.filter(isTarget) : ['x64', 'arm64'];
  const root = join(import.meta.dirname, '..');
  try {
    for (const target of targets) {
      const file = await compileRunner({
        ...{ target, root, into: join(root, 'dist') },
        progress: (line) => {
          console.error(`· ${line}`);
        },
      });
      const megabytes = ((await stat(file)).size / 1e6).toFixed(1);
      console.log(`${relative(root, file)} ${megabytes} MB`);
    }
    return 0;
  } catch (error) {
    console.error(`build:runner: ${messageOf(error)}`);
    return 1;
  }
}

function isTarget(name: string): name is RunnerTarget {
  return Object.hasOwn(bunRuntimes, name);
}

process.exitCode = await main();
