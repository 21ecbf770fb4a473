import { CriError } from '../cri/cri-error.ts';
import { RunnerError } from '../errors.ts';
import type { CommandIo } from '../join/join-command.ts';
import { parseFlags } from '../run/parse-flags.ts';
import { parseRunOptions } from '../run/run-options.ts';
import { VolumeError } from '../volumes/volume-error.ts';
import { Systemd } from './systemd.ts';
import { uninstall } from './uninstall.ts';

const help = `Usage: towline-runner uninstall [options] [-- RUN-OPTIONS]

Takes away all that install and the runner made: pods with their images, volumes and logs, the pod network,
this device's identity, the unit and the program. containerd stays. Pods that run are not ended without --force.

  RUN-OPTIONS  those that the runner was installed with
  --force      end pods that run; and go on when containerd does not answer
  --root DIR   uninstall from the files of another system, where nothing runs (default /)
  -h, --help   show this text
`;

const optionTypes = {
  force: { type: 'boolean', default: false },
  root: { type: 'string', default: '/' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** `towline-runner uninstall`: `argv` begins after that word. @returns the exit status. */
export async function uninstallCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const split = argv.includes('--') ? argv.indexOf('--') : argv.length;
    const values = parseFlags('uninstall', argv.slice(0, split), optionTypes);
    const run = parseRunOptions(argv.slice(split + 1));
    if (values.help || run === 'help') {
      io.stdout.write(help);
      return 0;
    }
    const isLive = values.root === '/';
    if (isLive && process.getuid?.() !== 0) {
      throw new RunnerError('NOT_ROOT', 'run this as root: sudo towline-runner uninstall');
    }
    await uninstall({
      ...{ root: values.root, isLive, run, force: values.force },
      services: new Systemd(values.root),
      say: (line) => void io.stdout.write(`${line}\n`),
    });
    return 0;
  } catch (error) {
    const isExpected = [RunnerError, CriError, VolumeError].some((kind) => error instanceof kind);
    if (!isExpected || !(error instanceof Error)) throw error;
    io.stderr.write(`towline-runner uninstall: ${error.message}\n`);
    return 1;
  }
}
