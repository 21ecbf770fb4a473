#!/usr/bin/env node
import { keepMemoryFromCoreDumps } from '../tunnel/core-dumps.ts';
import { controlCommand } from './control/control-command.ts';
import { controlCommands } from './control/control-options.ts';
import { doctorCommand } from './doctor/doctor-command.ts';
import { installCommand } from './install/install-command.ts';
import { uninstallCommand } from './install/uninstall-command.ts';
import { joinCommand } from './join/join-command.ts';
import { preflightCommand } from './preflight/preflight-command.ts';
import { runCommand } from './run/run-command.ts';
import { runnerBuild } from './version.ts';
import { wipeCommand } from './wipe/wipe-command.ts';

const help = `Usage: towline-runner COMMAND [options]

  preflight say what this device lacks, and change nothing
  install   make the runner a service of this device
  uninstall take away all that it made
  join      make this device the one of a site
  run       keep this device connected and its pods running
  doctor    print what a bug report needs, without secrets
  wipe      remove what came from the cluster
  version   show the version

On a device whose runner is running, with or without the cloud:

  status    how the device is, and what the cloud has not heard yet
  pods      the pods on it
  describe  one pod, with its containers and events
  logs      what a container has written
  exec      run a command in a container
  log-level change how much the runner logs, while it runs

towline-runner COMMAND --help says more of each.
`;

/** The composition root of the device side. */
async function main(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      stop.abort();
    });
  const io = { stdout: process.stdout, stderr: process.stderr, signal: stop.signal };
  const [command, ...rest] = argv;
  const control = controlCommands.find((name) => name === command);
  if (control !== undefined) {
    return controlCommand(control, rest, {
      ...io,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
    });
  }
  switch (command) {
    case 'preflight':
      return preflightCommand(rest, io);
    case 'install':
      return installCommand(rest, io);
    case 'uninstall':
      return uninstallCommand(rest, io);
    case 'doctor':
      return doctorCommand(rest, io, process.env);
    case 'join':
      return joinCommand(rest, io, process.env);
    case 'run':
      return runCommand(rest, io, process.env);
    case 'wipe':
      return wipeCommand(rest, io);
    case 'version':
    case '--version':
      io.stdout.write(`towline-runner ${runnerBuild}\n`);
      return 0;
    case 'help':
      if (rest[0] !== undefined && rest[0] !== 'help') return main([rest[0], '--help']);
      io.stdout.write(help);
      return 0;
    case '--help':
    case '-h':
      io.stdout.write(help);
      return 0;
    default:
      io.stderr.write(
        `towline-runner: ${command === undefined ? 'give a command' : `there is no command "${command}"`}; see towline-runner --help\n`,
      );
      return 1;
  }
}

keepMemoryFromCoreDumps();
// Not by exitCode: a lookup of a name that was given up can't be ended, and would hold the process.
process.exit(await main(process.argv.slice(2)));
