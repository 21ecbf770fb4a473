import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { RunnerError } from '../errors.ts';
import type { CommandIo } from '../join/join-command.ts';
import { defaultStateDir } from '../join/identity-dir.ts';
import { isForPeople } from '../run/run-command.ts';
import { wipeDevice, type WipeOptions } from './wipe-device.ts';

const help = `Usage: towline-runner wipe [options]

Removes from this device what came from the cluster: stops the site's pods, each within its grace, and
removes them with their volumes and logs, the images that were pulled for them, the store, what is in
memory, and the identity. Other images stay, and so does a key that was given to "join --key-file". Stop
"towline-runner run" first. There is no way back but joining again.

  --keep-identity      leave the identity: "towline-runner run" connects as the same site again
  --state-dir DIR      identity, store and pod volumes (default ${defaultStateDir})
  --memory-dir DIR     secrets and tokens in use, on a tmpfs (default /run/towline)
  --containerd SOCKET  containerd's socket (default /run/containerd/containerd.sock)
  --log-dir DIR        container logs (default /var/log/pods)
  --cgroup-root NAME   cgroup above all pods' (default kubepods)
  -h, --help           show this text
`;

/** `towline-runner wipe`: `argv` begins after that word. @returns the exit status. */
export async function wipeCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const options = parseOptions(argv);
    if (options === 'help') {
      io.stdout.write(help);
      return 0;
    }
    if (process.getuid?.() !== 0) {
      throw new RunnerError('NOT_ROOT', 'run this as root: sudo towline-runner wipe');
    }
    const tell = (line: string): unknown => io.stdout.write(`${line}\n`);
    const log = pino({ name: 'towline-runner', level: 'warn' });
    await wipeDevice(options, { tell, log, signal: io.signal });
    return 0;
  } catch (error) {
    if (!isForPeople(error)) throw error;
    io.stderr.write(`towline-runner wipe: ${error.message}\n`);
    return 1;
  }
}

const optionTypes = {
  'keep-identity': { type: 'boolean', default: false },
  'state-dir': { type: 'string', default: defaultStateDir },
  'memory-dir': { type: 'string', default: '/run/towline' },
  containerd: { type: 'string', default: '/run/containerd/containerd.sock' },
  'log-dir': { type: 'string', default: '/var/log/pods' },
  'cgroup-root': { type: 'string', default: 'kubepods' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @throws RunnerError `USAGE` */
function parseOptions(argv: readonly string[]): WipeOptions | 'help' {
  let values;
  try {
    ({ values } = parseArgs({ args: [...argv], options: optionTypes }));
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause);
    throw new RunnerError('USAGE', `${why}; see towline-runner wipe --help`, { cause });
  }
  if (values.help) return 'help';
  return {
    keepIdentity: values['keep-identity'],
    stateDir: values['state-dir'],
    memoryDir: values['memory-dir'],
    containerdSocket: values.containerd,
    logRoot: values['log-dir'],
    cgroupRoot: values['cgroup-root'],
  };
}
