import { parseArgs } from 'node:util';
import { RunnerError } from '../errors.ts';

export interface RunOptions {
  stateDir: string;
  memoryDir: string;
  containerdSocket: string;
  logRoot: string;
  cgroupRoot: string;
  logLevel: string;
}

export const runHelp = `Usage: towline-runner run [options]

Keeps this device connected and its pods running. The device must have joined a site.

  --state-dir DIR      identity, store and pod volumes (default /var/lib/towline)
  --memory-dir DIR     secrets and tokens in use, on a tmpfs (default /run/towline)
  --containerd SOCKET  containerd's socket (default /run/containerd/containerd.sock)
  --log-dir DIR        container logs (default /var/log/pods)
  --cgroup-root NAME   cgroup above all pods' (default kubepods)
  --log-level LEVEL    trace, debug, info, warn, error or fatal (default info)
  -h, --help           show this text

HTTPS_PROXY and NO_PROXY are honoured.
`;

const optionTypes = {
  'state-dir': { type: 'string', default: '/var/lib/towline' },
  'memory-dir': { type: 'string', default: '/run/towline' },
  containerd: { type: 'string', default: '/run/containerd/containerd.sock' },
  'log-dir': { type: 'string', default: '/var/log/pods' },
  'cgroup-root': { type: 'string', default: 'kubepods' },
  'log-level': { type: 'string', default: 'info' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const logLevels: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** `argv` begins after `run`. @throws RunnerError `USAGE` */
export function parseRunOptions(argv: readonly string[]): RunOptions | 'help' {
  let values;
  try {
    ({ values } = parseArgs({ args: [...argv], options: optionTypes }));
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause);
    throw new RunnerError('USAGE', `${why}; see towline-runner run --help`, { cause });
  }
  if (values.help) return 'help';
  if (!logLevels.includes(values['log-level'])) {
    throw new RunnerError(
      'USAGE',
      `--log-level: "${values['log-level']}" is none of ${logLevels.join(', ')}`,
    );
  }
  return {
    stateDir: values['state-dir'],
    memoryDir: values['memory-dir'],
    containerdSocket: values.containerd,
    logRoot: values['log-dir'],
    cgroupRoot: values['cgroup-root'],
    logLevel: values['log-level'],
  };
}
