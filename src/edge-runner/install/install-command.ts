import { RunnerError } from '../errors.ts';
import { keyCredential } from '../join/given-key.ts';
import type { CommandIo } from '../join/join-command.ts';
import { preflight } from '../preflight/preflight-command.ts';
import { parseFlags } from '../run/parse-flags.ts';
import { parseRunOptions } from '../run/run-options.ts';
import { install } from './install.ts';
import { ownProgram } from './own-program.ts';
import { Systemd } from './systemd.ts';
import type { UnitCredential } from './unit-file.ts';

const defaultMemoryMaxMegabytes = 256;

const help = `Usage: towline-runner install [options] [-- RUN-OPTIONS]

Makes the runner a service of systemd, after the checks of "towline-runner preflight". Run again after an
upgrade, or with other options, it changes what is different and restarts the runner; containers run on.

  RUN-OPTIONS            as for "towline-runner run", for example -- --pod-cidr 10.1.2.0/24
  --memory-max MIB       the runner is restarted when it takes more (default ${defaultMemoryMaxMegabytes}); pods don't count
  --credential NAME:PATH given to the runner as by systemd's LoadCredential=; may be repeated. ${keyCredential} is the
                         key that the device joined with by "join --key-file". A path below a folder
                         credstore.encrypted is taken as --credential-encrypted takes it
  --credential-encrypted NAME:PATH
                         as by LoadCredentialEncrypted=, of what systemd-creds encrypt has written (systemd 250)
  --root DIR             install into the files of another system: no checks, nothing is started (default /)
  -h, --help             show this text
`;

const optionTypes = {
  'memory-max': { type: 'string', default: String(defaultMemoryMaxMegabytes) },
  credential: { type: 'string', multiple: true, default: [] as string[] },
  'credential-encrypted': { type: 'string', multiple: true, default: [] as string[] },
  root: { type: 'string', default: '/' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** `towline-runner install`: `argv` begins after that word. @returns the exit status. */
export async function installCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  const say = (line: string): void => void io.stdout.write(`${line}\n`);
  try {
    const split = argv.includes('--') ? argv.indexOf('--') : argv.length;
    const values = parseFlags('install', argv.slice(0, split), optionTypes);
    const runFlags = argv.slice(split + 1);
    const run = parseRunOptions(runFlags);
    if (values.help || run === 'help') {
      io.stdout.write(help);
      return 0;
    }
    const isLive = values.root === '/';
    await install({
      root: values.root,
      isLive,
      program: ownProgram(process),
      ...{ runFlags, run, say },
      memoryMaxMegabytes: megabytes(values['memory-max']),
      credentials: [
        ...values.credential.map((text) => parseCredential('--credential', text)),
        ...values['credential-encrypted'].map((text) =>
          parseCredential('--credential-encrypted', text),
        ),
      ],
      preflight: () => (isLive ? preflight({ ...run, root: '/' }) : Promise.resolve([])),
      services: new Systemd(values.root),
    });
    return 0;
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    io.stderr.write(`towline-runner install: ${error.message}\n`);
    return 1;
  }
}

function megabytes(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 64) return number;
  throw new RunnerError('USAGE', `--memory-max: "${text}" is no number of MiB from 64 on`);
}

function parseCredential(flag: string, text: string): UnitCredential {
  const [, name, path] = /^([\w.-]+):(\/.+)$/.exec(text) ?? [];
  if (name === undefined || path === undefined) {
    throw new RunnerError('USAGE', `${flag}: "${text}" is not NAME:/PATH`);
  }
  const encrypted = flag === '--credential-encrypted' || path.includes('/credstore.encrypted/');
  return { name, path, encrypted };
}
