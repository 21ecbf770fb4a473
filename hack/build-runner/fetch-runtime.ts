import { createHash } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../lab/cache.ts';
import { runChecked } from '../lab/command.ts';
import { LabError } from '../lab/lab-error.ts';
import { withProgress, type Progress } from '../lab/progress.ts';
import { bunRuntimes, bunVersion, type RunnerTarget } from './bun-runtimes.ts';

/**
 * The Bun executable of a target, from npm's registry or from the machine's cache.
 * @throws LabError `bad-answer` when the package isn't the one that is pinned.
 */
export async function fetchRuntime(target: RunnerTarget, progress: Progress): Promise<string> {
  const entry = { name: `bun-linux-${target}`, version: bunVersion };
  const fetched = await cached(entry, (dir) => fetchInto(dir, target, progress), { progress });
  return join(fetched, 'bun');
}

async function fetchInto(dir: string, target: RunnerTarget, progress: Progress): Promise<void> {
  const { name, integrity } = bunRuntimes[target];
  const wanted = `${name}@${bunVersion}`;
  const archive = await withProgress(progress, `fetching ${wanted}`, async () => {
    const args = ['pack', wanted, '--silent', '--ignore-scripts', '--pack-destination', dir];
    const output = await runChecked('npm', args, { cwd: dir, timeoutMs: 300_000 });
    return join(dir, output.trim().split('\n').at(-1) ?? '');
  });
  const sum = createHash('sha512')
    .update(await readFile(archive))
    .digest('base64');
  if (`sha512-${sum}` !== integrity) {
    throw new LabError('bad-answer', `${wanted} is not the package that is pinned: sha512-${sum}`);
  }
  await runChecked('tar', ['-xzf', archive, '-C', dir]);
  await rename(join(dir, 'package/bin/bun'), join(dir, 'bun'));
  await rm(join(dir, 'package'), { recursive: true });
  await rm(archive);
}
