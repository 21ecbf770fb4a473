import { join } from 'node:path';
import type { Test } from 'tap';
import { run, type CommandOptions, type CommandResult } from '../../../hack/lab/command.ts';
import type { Device } from '../../../hack/lab/device.ts';
import { chosenRunner } from '../../../hack/lab/runner-program.ts';

const root = join(import.meta.dirname, '../../..');

/** The program file of a command. */
export const programs = {
  runner: join(root, 'src/edge-runner/main.ts'),
  provider: join(root, 'src/provider/main.ts'),
  towlinectl: join(root, 'src/cli/main.ts'),
} as const;

/** Nobody is to wait longer for being told what is wrong, besides what a program waits for others. */
const maxMs = 15_000;
/** How long programs wait for somebody who says nothing. */
const patienceMs = 10_000;

/** Somebody who waits longer than this is told for what. */
const progressAfterMs = 2_000;

/** A bad call and what it is to say. */
export interface BadCall {
  readonly name: string;
  readonly args: readonly string[];
  /** Matches the one line, without the name of the program before it. */
  readonly says: RegExp;
  readonly env?: NodeJS.ProcessEnv;
  /** What it tells while it waits, on standard output. */
  readonly progress?: RegExp;
  /** It waits for somebody who says nothing. */
  readonly slow?: true;
}

/** How a program is run: on the host, or on a device. */
export type Run = (args: readonly string[], options: CommandOptions) => Promise<CommandResult>;

/** Runs a program on the host. */
export function onHost(program: string): Run {
  const [command, ...first] = wordsOf(program);
  return (args, options) => run(command, [...first, ...args], options);
}

/** Runs a program on a device. */
export function onDevice(device: Device, program: string): Run {
  const [command, ...first] = wordsOf(program);
  return (args, options) => device.run(command, [...first, ...args], options);
}

/** What is shipped is not always the source. */
function wordsOf(program: string): [string, ...string[]] {
  if (program !== programs.runner) return [process.execPath, program];
  const { command, args } = chosenRunner();
  return [command, ...args];
}

/**
 * Makes bad calls, a few at a time: each ends in time with status 1 and one line on standard error,
 * and whoever waits is told.
 */
export async function endInOneLine(
  t: Test,
  { prefix, run, calls }: { prefix: string; run: Run; calls: readonly BadCall[] },
): Promise<void> {
  const waiting = [...calls.filter(({ slow }) => slow), ...calls.filter(({ slow }) => !slow)];
  const worker = async (): Promise<void> => {
    for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) {
      await endsInOneLine(t, prefix, run, call);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
}

async function endsInOneLine(t: Test, prefix: string, run: Run, call: BadCall): Promise<void> {
  const startedAtMs = performance.now();
  const { stdout, stderr, code } = await run(call.args, {
    timeoutMs: 4 * maxMs,
    ...(call.env === undefined ? {} : { env: { ...process.env, ...call.env } }),
  });
  const tookMs = performance.now() - startedAtMs;
  await t.test(call.name, (t) => {
    t.equal(code, 1, 'status 1');
    t.match(stderr, /^[^\n]+\n$/, 'one line');
    t.ok(stderr.startsWith(`${prefix}: `), `it names the program: ${stderr}`);
    t.match(stderr, call.says);
    t.notMatch(stderr, / {4}at |undefined|\[object/, 'nothing of our inside');
    const limitMs = call.slow ? maxMs + patienceMs : maxMs;
    t.ok(tookMs < limitMs, `in time, after ${Math.round(tookMs)} ms`);
    t.match(stdout, call.progress ?? /^$/, 'nothing else');
    if (call.slow) t.ok(tookMs > progressAfterMs, 'it had to wait');
    t.end();
  });
}
