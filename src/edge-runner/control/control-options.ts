import { parseArgs, type ParseArgsConfig } from 'node:util';
import { parseDuration } from '../../kube/duration.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { RunnerError } from '../errors.ts';
import { logLevels } from './messages.ts';

/** What asks the runner on this device, by name. */
export const controlCommands = ['status', 'pods', 'describe', 'logs', 'exec', 'log-level'] as const;

export type ControlCommand = (typeof controlCommands)[number];

const common = {
  'memory-dir': { type: 'string', default: '/run/towline' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const namespace = { namespace: { type: 'string', short: 'n' } } as const;
const output = { output: { type: 'string', short: 'o', default: '' } } as const;
const container = { container: { type: 'string', short: 'c' } } as const;

const optionTypes = {
  status: { ...common, ...output },
  pods: {
    ...{ ...common, ...namespace, ...output },
    'all-namespaces': { type: 'boolean', short: 'A', default: false },
  },
  describe: { ...common, ...namespace },
  logs: {
    ...{ ...common, ...namespace, ...container },
    follow: { type: 'boolean', short: 'f', default: false },
    previous: { type: 'boolean', short: 'p', default: false },
    timestamps: { type: 'boolean', default: false },
    tail: { type: 'string' },
    since: { type: 'string' },
  },
  exec: {
    ...{ ...common, ...namespace, ...container },
    stdin: { type: 'boolean', short: 'i', default: false },
    tty: { type: 'boolean', short: 't', default: false },
  },
  'log-level': common,
} as const;

const commonHelp = `  --memory-dir DIR       that of "towline-runner run" (default /run/towline)
  -h, --help             show this text
`;
const namespaceHelp = `  -n, --namespace NAME   where the pod's name is not the only one
`;

/** Help by command. */
export const controlHelp: Record<ControlCommand, string> = {
  status: `Usage: towline-runner status [options]

Shows how this device is: its link to the cloud, its pods, and what the cloud has not heard yet.

  -o, --output json      as JSON
${commonHelp}`,
  pods: `Usage: towline-runner pods [NAME] [options]

Shows the pods on this device, whether or not the cloud is in reach.

${namespaceHelp}  -A, --all-namespaces   of every namespace, as without it
  -o, --output FORMAT    wide or json
${commonHelp}`,
  describe: `Usage: towline-runner describe [pod] NAME [options]

Shows one pod with its containers and the events that this device remembers.

${namespaceHelp}${commonHelp}`,
  logs: `Usage: towline-runner logs NAME [options]

Shows what a container has written.

  -c, --container NAME   default: the pod's first
  -f, --follow           go on until the container ends
  -p, --previous         of the instance before the present one
  --tail LINES           only the last so many
  --since DURATION       only what is newer, as in 10m
  --timestamps           with the time of each line
${namespaceHelp}${commonHelp}`,
  exec: `Usage: towline-runner exec NAME [options] -- COMMAND [ARGUMENT...]

Runs a command in a container and ends with its exit status.

  -c, --container NAME   default: the pod's first
  -i, --stdin            pass what is typed
  -t, --tty              on a terminal
${namespaceHelp}${commonHelp}`,
  'log-level': `Usage: towline-runner log-level [LEVEL] [options]

Changes how much the runner logs, until it is started again: ${logLevels.join(', ')}.
Without LEVEL it shows from which level on it logs.

${commonHelp}`,
};

type Values<C extends ControlCommand> = ReturnType<
  typeof parseArgs<{ args: string[]; options: (typeof optionTypes)[C]; allowPositionals: true }>
>['values'];

export interface ControlArguments<C extends ControlCommand> {
  values: Values<C>;
  names: string[];
  /** What stands behind `--`. */
  rest: string[];
}

/** `argv` begins after the command's name. @throws RunnerError `USAGE` */
export function parseControlArguments<C extends ControlCommand>(
  command: C,
  argv: readonly string[],
): ControlArguments<C> {
  const end = argv.indexOf('--');
  const args = end < 0 ? [...argv] : argv.slice(0, end);
  const config: ParseArgsConfig = { args, options: optionTypes[command], allowPositionals: true };
  try {
    const { values, positionals } = parseArgs(config);
    return {
      values: values as Values<C>,
      names: positionals,
      rest: end < 0 ? [] : argv.slice(end + 1),
    };
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause);
    throw usageError(command, why, cause);
  }
}

/** The one name that a command takes, as in `web` or kubectl's `pod/web`. @throws RunnerError `USAGE` */
export function onlyName(command: ControlCommand, names: readonly string[]): string {
  const [name, second] = names;
  if (name === undefined) throw usageError(command, 'name the pod');
  if (second !== undefined) throw usageError(command, `"${second}" is one name too many`);
  return name.replace(/^(pods?|po)\//, '');
}

/** @throws RunnerError `USAGE` */
export function parseCount(command: ControlCommand, flag: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw usageError(command, `${flag}: "${text}" is not a number`);
  return Number(text);
}

/** In seconds. @throws RunnerError `USAGE` */
export function parseSince(command: ControlCommand, text: string): number {
  try {
    return Math.ceil(parseDuration(text) / 1000);
  } catch (cause) {
    if (!(cause instanceof KubeRuleError)) throw cause;
    throw usageError(command, `--since: ${cause.message}`, cause);
  }
}

/** @throws RunnerError `USAGE` */
export function checkOutput(
  command: ControlCommand,
  format: string,
  known: readonly string[],
): void {
  if (format === '' || known.includes(format)) return;
  throw usageError(command, `--output: "${format}" is none of ${known.join(', ')}`);
}

export function usageError(command: ControlCommand, why: string, cause?: unknown): RunnerError {
  return new RunnerError('USAGE', `${why}; see towline-runner ${command} --help`, { cause });
}
