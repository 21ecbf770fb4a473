import { parseArgs, type ParseArgsConfig } from 'node:util';
import { RunnerError } from '../errors.ts';

type FlagTypes = NonNullable<ParseArgsConfig['options']>;

/**
 * The values of a command's flags; `argv` begins after the command's word.
 * @throws RunnerError `USAGE`
 */
export function parseFlags<const Types extends FlagTypes>(
  command: string,
  argv: readonly string[],
  options: Types,
): ReturnType<typeof parseArgs<{ options: Types }>>['values'] {
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause);
    throw new RunnerError('USAGE', `${why}; see towline-runner ${command} --help`, { cause });
  }
}
