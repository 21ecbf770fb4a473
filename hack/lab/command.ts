import { spawn } from 'node:child_process';
import { LabError } from './lab-error.ts';
import { withSystemPath } from './system-path.ts';

/** How a command is run. Times in milliseconds; `input` is what it reads on its standard input. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Gets each line of both outputs as it arrives. */
  readonly onLine?: (line: string) => void;
}

/** What a command gave. `code` is 128 + the signal's number when a signal ended it, as in a shell. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};

/**
 * Runs a command to its end and gives its outputs and exit code; a code that isn't 0 is not an error.
 *
 * @throws LabError `not-found` when there is no such program, `timeout` when it was killed for taking
 *   longer than `timeoutMs`, `aborted` when the signal fired.
 */
export function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  if (options.signal?.aborted === true) {
    reject(new LabError('aborted', `${command} was not started: stopping`));
    return promise;
  }
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: withSystemPath(options.env ?? process.env),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let ended: LabError | undefined;
  const end = (error: LabError): void => {
    ended ??= error;
    killGroup(child.pid);
  };
  const onAbort = (): void => {
    end(new LabError('aborted', `${command} was interrupted`));
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          end(
            new LabError(
              'timeout',
              `${describe(command, args)}: no end after ${options.timeoutMs ?? 0} ms`,
            ),
          );
        }, options.timeoutMs);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  if (options.onLine !== undefined) {
    child.stdout.on('data', lines(options.onLine));
    child.stderr.on('data', lines(options.onLine));
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  const settle = (): void => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  };
  child.on('error', (cause) => {
    settle();
    reject(new LabError('not-found', `${command} cannot be run: ${cause.message}`, { cause }));
  });
  child.on('close', (code, signal) => {
    settle();
    if (ended !== undefined) {
      reject(ended);
      return;
    }
    resolve({
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
      code: code ?? 128 + (signalNumbers[signal ?? 'SIGTERM'] ?? 0),
    });
  });
  return promise;
}

/**
 * Like {@link run}, but gives the standard output alone.
 *
 * @throws LabError also `command-failed`, with the last lines of what it said, when its exit code is
 *   not 0.
 */
export async function runChecked(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await run(command, args, options);
  if (result.code !== 0) {
    const said = lastLines(result.stderr === '' ? result.stdout : result.stderr, 12);
    throw new LabError(
      'command-failed',
      `${describe(command, args)} ended with ${result.code}: ${said}`,
    );
  }
  return result.stdout;
}

/** The last `count` lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) {
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

function describe(command: string, args: readonly string[]): string {
  const text = [command, ...args].join(' ');
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}

function lines(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      onLine(part);
    }
  };
}
