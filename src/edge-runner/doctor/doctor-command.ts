import { RunnerError } from '../errors.ts';
import { givenKeyPath } from '../join/given-key.ts';
import type { CommandIo } from '../join/join-command.ts';
import { preflight } from '../preflight/preflight-command.ts';
import { printChecks } from '../preflight/print-checks.ts';
import { parseFlags } from '../run/parse-flags.ts';
import { parseRunOptions, type RunOptions } from '../run/run-options.ts';
import { describeDevice } from './describe-device.ts';
import { describeIdentity } from './describe-identity.ts';
import { describeLog } from './describe-log.ts';
import { describeRunner } from './describe-runner.ts';
import { describeRuntime } from './describe-runtime.ts';
import { describeStore } from './describe-store.ts';
import { readLog } from './read-log.ts';
import type { Section } from './section.ts';

const help = `Usage: towline-runner doctor [options] [-- RUN-OPTIONS]

Prints what a bug report needs: device, preflight checks, versions, connection, certificates' dates, pods by
name and state, and the last warnings and errors. No keys, no tokens, no contents of Secrets or ConfigMaps.

  RUN-OPTIONS  those that the runner runs with
  -o FORMAT    json: {"sections": [{"title", "lines"}]}
  --log FILE   the runner's log, where it isn't in systemd's journal
  -h, --help   show this text
`;

const optionTypes = {
  output: { type: 'string', short: 'o', default: 'text' },
  log: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/**
 * `towline-runner doctor`: `argv` begins after that word; the environment has systemd's credentials.
 * @returns the exit status.
 */
export async function doctorCommand(
  argv: readonly string[],
  io: CommandIo,
  environment: Record<string, string | undefined>,
): Promise<number> {
  try {
    const split = argv.includes('--') ? argv.indexOf('--') : argv.length;
    const values = parseFlags('doctor', argv.slice(0, split), optionTypes);
    const run = parseRunOptions(argv.slice(split + 1));
    if (values.help || run === 'help') {
      io.stdout.write(help);
      return 0;
    }
    if (!['json', 'text'].includes(values.output)) {
      throw new RunnerError('USAGE', `-o: "${values.output}" is neither json nor text`);
    }
    const sections = await examine(
      { ...run, keyPath: givenKeyPath(run.keyFile, environment) },
      values.log,
      io.signal,
    );
    io.stdout.write(
      values.output === 'json'
        ? `${JSON.stringify({ sections }, undefined, 2)}\n`
        : sections.map(({ title, lines }) => `${title}\n  ${lines.join('\n  ')}\n`).join('\n'),
    );
    return 0;
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    io.stderr.write(`towline-runner doctor: ${error.message}\n`);
    return 1;
  }
}

/** Asks everything that can be asked; what fails is a line of its section. */
async function examine(
  run: RunOptions & { keyPath: string | undefined },
  logFile: string | undefined,
  signal: AbortSignal,
): Promise<Section[]> {
  const nowMs = Date.now();
  const checks = await preflight({ ...run, root: '/' });
  return [
    await describeDevice(nowMs),
    { title: 'preflight', lines: printChecks(checks).trimEnd().split('\n') },
    await describeRuntime(run.containerdSocket),
    await describeIdentity(run, nowMs),
    describeStore(run.stateDir),
    await describeRunner(run.memoryDir, signal),
    describeLog(await readLog(logFile)),
  ];
}
