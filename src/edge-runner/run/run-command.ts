import { pino } from 'pino';
import { CriError } from '../cri/cri-error.ts';
import { RunnerError } from '../errors.ts';
import { HostError } from '../host/host-error.ts';
import { JoinError } from '../join/errors.ts';
import type { CommandIo } from '../join/join-command.ts';
import { VolumeError } from '../volumes/volume-error.ts';
import { parseRunOptions, runHelp } from './run-options.ts';
import { runRunner } from './runner.ts';

/** `towline-runner run`: `argv` begins after that word. @returns the exit status. */
export async function runCommand(
  argv: readonly string[],
  io: CommandIo,
  environment: Record<string, string | undefined>,
): Promise<number> {
  try {
    const options = parseRunOptions(argv);
    if (options === 'help') {
      io.stdout.write(runHelp);
      return 0;
    }
    if (process.getuid?.() !== 0) {
      throw new RunnerError(
        'NOT_ROOT',
        'run this as root, for it manages containers and mounts: sudo towline-runner run',
      );
    }
    const log = pino({
      name: 'towline-runner',
      level: options.logLevel,
      serializers: { err: describeError },
    });
    await runRunner(options, { log, environment, signal: io.signal });
    return 0;
  } catch (error) {
    if (!isForPeople(error)) throw error;
    io.stderr.write(`towline-runner run: ${error.message}\n`);
    return 1;
  }
}

/** A failure with a code says by it what happened; only a defect of ours needs its stack. */
function describeError(error: Error): object {
  const { stack, ...description } = pino.stdSerializers.err(error);
  const { code } = error as { code?: unknown };
  // Node's own ERR_ codes are mostly those of wrong calls.
  const isExpected = typeof code === 'string' && !code.startsWith('ERR_');
  return isExpected ? description : { stack, ...description };
}

/** Whether an error's message is for the person at the device, and says all. */
export function isForPeople(error: unknown): error is Error {
  return [RunnerError, JoinError, CriError, HostError, VolumeError].some(
    (kind) => error instanceof kind,
  );
}
