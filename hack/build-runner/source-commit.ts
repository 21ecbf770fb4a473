import { run } from '../lab/command.ts';

/** The commit of a checkout, `…-modified` when its source was changed since; undefined without git. */
export async function sourceCommit(root: string): Promise<string | undefined> {
  const git = (...args: readonly string[]): Promise<{ stdout: string; code: number }> =>
    run('git', ['-C', root, ...args]).catch(() => ({ stdout: '', code: 1 }));
  const head = await git('rev-parse', '--short=12', 'HEAD');
  if (head.code !== 0) return undefined;
  const changes = await git('status', '--porcelain', '--', 'src', 'package-lock.json');
  return `${head.stdout.trim()}${changes.stdout === '' ? '' : '-modified'}`;
}
