import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines } from './command.ts';
import { LabError, messageOf } from './lab-error.ts';
import { withSystemPath } from './system-path.ts';
import { waitFor, type Condition, type WaitOptions } from './wait.ts';

/** A program that is to run in the background, its output going to a file. */
export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** How a process ended: exactly one of the two is set. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program in the background, in a process group of its own. */
export interface BackgroundProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when it has ended; never rejects. */
  readonly ended: Promise<ProcessEnd>;
  isRunning(): boolean;
  /** The last lines of its output. */
  logTail(lines?: number): string;
  /** Sends a signal to it alone, not to its children; nothing happens when it has ended. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL to its whole group when it still runs after `limitMs` (5 s). */
  stop(limitMs?: number): Promise<ProcessEnd>;
  /** SIGKILL to the process alone; what it started is left to whoever inherits it, as in a crash. */
  kill(): Promise<ProcessEnd>;
  /** Waits like {@link waitFor}, but gives up at once when the process ends before. */
  readyWhen<T>(condition: Condition<T>, options: WaitOptions): Promise<T>;
}

const stopLimitMs = 5_000;

/**
 * Starts a program in the background.
 *
 * @throws LabError `not-found` when it cannot be run.
 */
export async function startProcess(options: ProcessOptions): Promise<BackgroundProcess> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: withSystemPath({ ...process.env, ...options.env }),
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const started = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<ProcessEnd>();
  child.once('spawn', () => {
    started.resolve(child.pid ?? 0);
  });
  child.once('error', (cause) => {
    started.reject(
      new LabError('not-found', `${options.command} cannot be run: ${messageOf(cause)}`, { cause }),
    );
  });
  child.once('exit', (code, signal) => {
    ended.resolve({ code, signal });
  });
  const pid = await started.promise;
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const logTail = (lines = 20): string => lastLines(readLog(options.logFile), lines);
  const end = (): string =>
    `${options.name} (pid ${pid}) ended with ${child.signalCode ?? child.exitCode ?? 'nothing'}`;
  return {
    name: options.name,
    pid,
    logFile: options.logFile,
    ended: ended.promise,
    isRunning,
    logTail,
    signal: (name) => {
      child.kill(name);
    },
    stop: async (limitMs = stopLimitMs) => {
      child.kill('SIGTERM');
      const limit = new AbortController();
      const late = sleep(limitMs, 'late' as const, { signal: limit.signal }).catch(
        () => 'late' as const,
      );
      if ((await Promise.race([ended.promise, late])) === 'late') {
        killGroup(pid);
      }
      limit.abort();
      return ended.promise;
    },
    kill: () => {
      child.kill('SIGKILL');
      return ended.promise;
    },
    readyWhen: (condition, wait) =>
      waitFor(
        () => {
          if (!isRunning()) {
            throw new LabError('command-failed', `${end()} before it was ready:\n${logTail()}`);
          }
          return condition();
        },
        { ...wait, explain: () => `the end of ${options.logFile}:\n${logTail()}` },
      ),
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
