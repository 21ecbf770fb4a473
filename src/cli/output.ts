import { dumpYaml } from '@kubernetes/client-node';
import { CliError } from './errors.ts';

/** Where a command writes: its result to `stdout`, words for a person to `stderr`. */
export interface CliIo {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown; isTTY?: boolean };
  nowMs: () => number;
}

/** @throws CliError `USAGE` for a format that isn't one of those. */
export function requireFormat<F extends string>(format: string, formats: readonly F[]): F {
  const known = formats.find((candidate) => candidate === format);
  if (known !== undefined) return known;
  throw new CliError(
    'USAGE',
    `there is no output format "${format}": choose ${formats.join(', ')}`,
  );
}

export function formatObject(object: unknown, format: 'json' | 'yaml'): string {
  return format === 'yaml' ? dumpYaml(object) : `${JSON.stringify(object, undefined, 2)}\n`;
}
