import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { run, runChecked, type CommandOptions, type CommandResult } from './command.ts';

/**
 * Runs kubectl with a kubeconfig to its end; an exit code that isn't 0 is not an error here. Gives up
 * after `timeoutMs` (60 s).
 *
 * @throws LabError `timeout`, `aborted`, `not-found`.
 */
export function kubectl(
  kubeconfig: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return run('kubectl', args, { timeoutMs: 60_000, ...options, env: environment(kubeconfig) });
}

/**
 * Like {@link kubectl}, but gives the standard output alone.
 *
 * @throws LabError also `command-failed` with what kubectl said.
 */
export function kubectlChecked(
  kubeconfig: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return runChecked('kubectl', args, {
    timeoutMs: 60_000,
    ...options,
    env: environment(kubeconfig),
  });
}

/** Starts a kubectl that goes on, say `logs -f`, `exec -i` or `port-forward`; the caller ends it. */
export function spawnKubectl(
  kubeconfig: string,
  args: readonly string[],
): ChildProcessWithoutNullStreams {
  return spawn('kubectl', args, { env: environment(kubeconfig), stdio: 'pipe' });
}

/**
 * Starts a kubectl that sees a terminal, for `exec -it`: util-linux's `script` gives it a
 * pseudo-terminal, of `rows` and `columns`; its input and output are the terminal's.
 */
export function spawnKubectlOnTerminal(
  kubeconfig: string,
  args: readonly string[],
  size: { readonly rows: number; readonly columns: number },
): ChildProcessWithoutNullStreams {
  const command = ['kubectl', ...args].map(quote).join(' ');
  const sized = `stty rows ${size.rows} cols ${size.columns}; exec ${command}`;
  return spawn('script', ['--quiet', '--return', '--flush', '--command', sized, '/dev/null'], {
    env: { ...environment(kubeconfig), SHELL: '/bin/sh' },
    stdio: 'pipe',
  });
}

/** Nothing of the user's own configuration may leak into a lab's kubectl. */
function environment(kubeconfig: string): NodeJS.ProcessEnv {
  return { ...process.env, KUBECONFIG: kubeconfig, HTTPS_PROXY: '', https_proxy: '' };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
