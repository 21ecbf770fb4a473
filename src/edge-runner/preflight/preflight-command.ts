import { RunnerError } from '../errors.ts';
import { goArchitecture } from '../host/architecture.ts';
import { readFilesystemUsage } from '../host/pressure.ts';
import type { CommandIo } from '../join/join-command.ts';
import { defaultStateDir } from '../join/identity-dir.ts';
import { parseFlags } from '../run/parse-flags.ts';
import { defaultContainerdSocket, defaultLogRoot } from '../run/run-options.ts';
import { passes, type Check } from './check.ts';
import { askContainerd } from './containerd-facts.ts';
import { readDeviceFacts } from './device-facts.ts';
import { printChecks } from './print-checks.ts';
import { runChecks } from './run-checks.ts';

export interface PreflightOptions {
  root: string;
  stateDir: string;
  containerdSocket: string;
  logRoot: string;
}

const help = `Usage: towline-runner preflight [options]

Says whether this device has what pods need, and what to do where it hasn't. Changes nothing.
Exit status: 0 pods can run, 1 something must be done first.

  -o FORMAT            json: {"ok", "checks": [{"name", "status", "found", "remedy", "package"}]}
  --state-dir DIR      as for run (default ${defaultStateDir})
  --containerd SOCKET  as for run (default ${defaultContainerdSocket})
  --log-dir DIR        as for run (default ${defaultLogRoot})
  --root DIR           where the device's files are (default /)
  -h, --help           show this text
`;

/** `towline-runner preflight`: `argv` begins after that word. @returns the exit status. */
export async function preflightCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const values = parseFlags('preflight', argv, optionTypes);
    if (values.help) {
      io.stdout.write(help);
      return 0;
    }
    if (!['json', 'text'].includes(values.output)) {
      throw new RunnerError('USAGE', `-o: "${values.output}" is neither json nor text`);
    }
    const checks = await preflight({
      root: values.root,
      stateDir: values['state-dir'],
      containerdSocket: values.containerd,
      logRoot: values['log-dir'],
    });
    const isOk = passes(checks);
    io.stdout.write(
      values.output === 'json'
        ? `${JSON.stringify({ ok: isOk, checks }, undefined, 2)}\n`
        : `${printChecks(checks)}\n${isOk ? 'Pods can run here.' : 'Pods cannot run here yet.'}\n`,
    );
    return isOk ? 0 : 1;
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    io.stderr.write(`towline-runner preflight: ${error.message}\n`);
    return 1;
  }
}

/** Looks at the device that this process runs on; changes nothing. */
export async function preflight(options: PreflightOptions): Promise<Check[]> {
  const facts = await readDeviceFacts({
    ...options,
    architecture: goArchitecture(process.arch),
    isRoot: process.getuid?.() === 0,
    nowMs: Date.now(),
    readFileSystem: readFilesystemUsage,
    containerd: await askContainerd(options.containerdSocket),
  });
  return runChecks(facts);
}

const optionTypes = {
  output: { type: 'string', short: 'o', default: 'text' },
  'state-dir': { type: 'string', default: defaultStateDir },
  containerd: { type: 'string', default: defaultContainerdSocket },
  'log-dir': { type: 'string', default: defaultLogRoot },
  root: { type: 'string', default: '/' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;
